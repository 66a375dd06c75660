"""Connection and subscription tokens: found, verified, remembered, revoked and issued here."""
