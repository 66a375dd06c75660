"""Publish from a backend with the stock `cent` library, and say where the message went."""

from __future__ import annotations

import os
import sys

from cent import CentApiResponseError, CentError, CentUnauthorizedError, Client, PublishRequest

API_URL = os.environ.get("CHAT_API_URL", "http://127.0.0.1:8000/api")
API_KEY = os.environ.get("CHAT_API_KEY", "")
CHANNEL = os.environ.get("CHAT_CHANNEL", "news")


def main(text: str) -> int:
    """Publish one message and return the exit code."""
    client = Client(API_URL, API_KEY)
    try:
        result = client.publish(PublishRequest(channel=CHANNEL, data={"text": text}))
    except CentApiResponseError as error:
        print(f"refused: {error.message} ({error.code})", file=sys.stderr)
        return 2
    except CentUnauthorizedError:
        print("refused: CHAT_API_KEY is not one of the gateway's api.keys", file=sys.stderr)
        return 2
    except CentError as error:
        print(f"no answer from {API_URL}: {error}", file=sys.stderr)
        return 2
    finally:
        client.close()
    print(f"published to {CHANNEL} at offset {result.offset}")
    return 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]) or "hello"))
