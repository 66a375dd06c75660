{{/* What cannot work together: one sentence that says what came, and what to do. Types and unknown keys are the schema's part. */}}
{{- define "holdfast.validate" -}}
{{- include "holdfast.validateSecrets" . -}}
{{- include "holdfast.validateConfig" . -}}
{{- include "holdfast.validateBroker" . -}}
{{- include "holdfast.validateStop" . -}}
{{- include "holdfast.validateTimes" . -}}
{{- include "holdfast.validateMemory" . -}}
{{- include "holdfast.validateScaling" . -}}
{{- include "holdfast.validateSysctls" . -}}
{{- include "holdfast.validateNetwork" . -}}
{{- include "holdfast.validateDemo" . -}}
{{- end -}}

{{- define "holdfast.validateSecrets" -}}
{{- if and (not .Values.secrets.existingSecret) (not .Values.secrets.create) -}}
{{- fail "No secrets: set secrets.existingSecret to the name of a Secret with the keys of secrets.keys, or, to try things out, secrets.create=true." -}}
{{- end -}}
{{- if and .Values.secrets.existingSecret .Values.secrets.create -}}
{{- fail (printf "Two sources of secrets: secrets.existingSecret is %q and secrets.create is true. Choose one." .Values.secrets.existingSecret) -}}
{{- end -}}
{{- $inline := dict
  "token.hmac_secret" (dig "token" "hmac_secret" "" .Values.config)
  "api.keys" (dig "api" "keys" "" .Values.config)
  "admin.token" (dig "admin" "token" "" .Values.config)
  "broker.redis.password" (dig "broker" "redis" "password" "" .Values.config)
  "broker.redis.sentinel_password" (dig "broker" "redis" "sentinel_password" "" .Values.config)
  "auth.users_url" (dig "auth" "users_url" "" .Values.config)
  "log.client_token_secret" (dig "log" "client_token_secret" "" .Values.config) -}}
{{- range $setting, $value := $inline -}}
{{- if $value -}}
{{- fail (printf "config.%s would stand readable in a ConfigMap. Put it into the Secret that secrets.existingSecret names (secrets.keys), or into a Secret of yours that extraEnv refers to." $setting) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.validateConfig" -}}
{{- range $setting, $instead := dict "host" "listenAddress" "port" "service.port" "internal_host" "listenAddress" "internal_port" "internalService.port" "instance" "nothing: a pod's name is its own" -}}
{{- if hasKey $.Values.config $setting -}}
{{- fail (printf "config.%s is set by the chart, which needs to know it; change %s." $setting $instead) -}}
{{- end -}}
{{- end -}}
{{- $broker := dig "broker" (dict) .Values.config -}}
{{- if hasKey $broker "type" -}}
{{- fail "config.broker.type follows from redis.external.addresses and redis.trial.enabled; change those." -}}
{{- end -}}
{{- range $setting, $instead := dict "addresses" "addresses" "mode" "mode" "master_name" "masterName" "db" "db" "user" "user" "sentinel_user" "sentinelUser" "prefix" "prefix" "tls" "tls" -}}
{{- if hasKey (dig "redis" (dict) $broker) $setting -}}
{{- fail (printf "config.broker.redis.%s is set by the chart; change redis.external.%s." $setting $instead) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.validateBroker" -}}
{{- $external := .Values.redis.external -}}
{{- range $external.addresses -}}
{{- if or (contains "@" .) (contains "://" .) -}}
{{- fail "redis.external.addresses: expected host:port, saw a URL or a password. The password belongs into the Secret (secrets.keys.redisPassword), the user into redis.external.user, TLS into redis.external.tls." -}}
{{- end -}}
{{- if not (regexMatch "^.+:[0-9]{1,5}$" .) -}}
{{- fail (printf "redis.external.addresses: expected host:port, saw %q." .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.redis.trial.enabled $external.addresses -}}
{{- fail "Two Redis: redis.trial.enabled is true and redis.external.addresses has addresses. Choose one." -}}
{{- end -}}
{{- if and (eq $external.mode "cluster") (ne (int $external.db) 0) -}}
{{- fail (printf "redis.external.db: a cluster has only database 0, saw %d." (int $external.db)) -}}
{{- end -}}
{{- if and $external.tls.clientCertificate (not $external.tls.existingSecret) -}}
{{- fail "redis.external.tls.clientCertificate needs redis.external.tls.existingSecret, the Secret with tls.crt and tls.key." -}}
{{- end -}}
{{- $pods := ternary (int .Values.autoscaling.maxReplicas) (int .Values.replicaCount) .Values.autoscaling.enabled -}}
{{- if and (not (include "holdfast.broker" .)) (gt $pods 1) -}}
{{- fail (printf "Up to %d pods and nothing that joins them: set redis.external.addresses, or redis.trial.enabled=true to try things out; one pod alone works without (autoscaling.enabled=false, replicaCount=1)." $pods) -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.validateStop" -}}
{{- $stop := include "holdfast.stopSeconds" . | float64 -}}
{{- $grace := include "holdfast.grace" . | int64 -}}
{{- if not (kindIs "invalid" .Values.terminationGracePeriodSeconds) -}}
{{- if le (float64 $grace) $stop -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, but a stop takes up to %g s: config.shutdown.propagation_wait + drain_window + 2 x timeout + stopMarginSeconds. Leave it null to have it calculated, or shorten those." $grace $stop) -}}
{{- end -}}
{{- end -}}
{{- if gt $grace 600 -}}
{{- fail (printf "A stop may take up to %d s, but autoscalers of nodes end a pod after 600 s. Shorten config.shutdown.drain_window, with fewer connections a pod (config.admission.max_connections) if the others cannot take them in quicker." $grace) -}}
{{- end -}}
{{- $ready := include "holdfast.minReady" . | float64 -}}
{{- $window := include "holdfast.window" . | float64 -}}
{{- if and (include "holdfast.broker" .) (lt $ready $window) -}}
{{- fail (printf "minReadySeconds is %g, less than the drain window of %g s: a rollout would drain several pods at once. Leave it null to have it calculated." $ready $window) -}}
{{- end -}}
{{- $deadline := include "holdfast.deadline" . | int64 -}}
{{- if le (float64 $deadline) (addf $ready (float64 .Values.probes.startupSeconds)) -}}
{{- fail (printf "progressDeadlineSeconds is %d, but a new pod needs up to %g s: probes.startupSeconds + minReadySeconds. Every rollout would fail; leave it null to have it calculated." $deadline (addf $ready (float64 .Values.probes.startupSeconds))) -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.validateTimes" -}}
{{- $ping := include "holdfast.seconds" (dig "client" "ping_interval" 25 .Values.config) | float64 -}}
{{- $pong := include "holdfast.seconds" (dig "client" "pong_timeout" 8 .Values.config) | float64 -}}
{{- $idle := float64 .Values.capacity.idleLimitSeconds -}}
{{- if ge (addf $ping $pong) $idle -}}
{{- fail (printf "config.client: a ping every %g s and %g s for its pong reach the idle limit of %g s (capacity.idleLimitSeconds), so quiet clients would be cut on the way. Ping more often, or raise the limit of what stands in front." $ping $pong $idle) -}}
{{- end -}}
{{- $seen := mulf (float64 .Values.probes.readiness.periodSeconds) (addf 1.0 (float64 .Values.probes.readiness.failureThreshold)) -}}
{{- $wait := include "holdfast.wait" . | float64 -}}
{{- if and (include "holdfast.broker" .) (le $wait $seen) -}}
{{- fail (printf "config.shutdown.propagation_wait is %g s, but it takes %g s until everybody has seen that a pod leaves: probes.readiness.periodSeconds x (failureThreshold + 1). Clients that leave would come back to it." $wait $seen) -}}
{{- end -}}
{{- end -}}

{{/* Bytes of a Kubernetes quantity, as resources have it. */}}
{{- define "holdfast.bytes" -}}
{{- $text := toString . -}}
{{- $units := dict "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "k" 1000.0 "M" 1000000.0 "G" 1000000000.0 "T" 1000000000000.0 -}}
{{- mulf (float64 (regexFind "^[0-9.]+(e[+-]?[0-9]+)?" $text)) (default 1.0 (get $units (regexFind "[KMGTk]i?$" $text))) -}}
{{- end -}}

{{- define "holdfast.validateMemory" -}}
{{- $limit := dig "limits" "memory" "" .Values.resources -}}
{{- if $limit -}}
{{- $connections := float64 (dig "admission" "max_connections" 10000 .Values.config) -}}
{{- $need := addf (float64 .Values.capacity.instanceBytes) (mulf $connections (float64 .Values.capacity.bytesPerConnection)) -}}
{{- if lt (include "holdfast.bytes" $limit | float64) $need -}}
{{- fail (printf "resources.limits.memory is %v, but %.0f connections (config.admission.max_connections) take %.0f MiB: capacity.instanceBytes + connections x capacity.bytesPerConnection. The pod would be killed when it is full." $limit $connections (divf $need 1048576.0)) -}}
{{- end -}}
{{- $descriptors := float64 .Values.capacity.descriptorsPerPod -}}
{{- if le $descriptors $connections -}}
{{- fail (printf "config.admission.max_connections is %.0f, but a pod has %.0f descriptors (capacity.descriptorsPerPod), and each connection takes one." $connections $descriptors) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.validateScaling" -}}
{{- if .Values.autoscaling.enabled -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas is %d, more than maxReplicas, which is %d." (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- end -}}
{{- $connections := include "holdfast.scalesOnConnections" . -}}
{{- if not (or .Values.autoscaling.cpu.enabled $connections) -}}
{{- fail "autoscaling.enabled is true, but there is nothing to scale on: enable autoscaling.cpu or autoscaling.connections." -}}
{{- end -}}
{{- if and .Values.autoscaling.cpu.enabled (not (dig "requests" "cpu" "" .Values.resources)) -}}
{{- fail "autoscaling.cpu needs resources.requests.cpu, of which its target is a percentage." -}}
{{- end -}}
{{- if $connections -}}
{{- $target := int (default 0 .Values.autoscaling.connections.target) -}}
{{- if lt $target 1 -}}
{{- fail "autoscaling.connections is on without a target: set autoscaling.connections.target to about 70 % of config.admission.max_connections." -}}
{{- end -}}
{{- if gt $target (int (dig "admission" "max_connections" 10000 .Values.config)) -}}
{{- fail (printf "autoscaling.connections.target is %d, more than a pod takes (config.admission.max_connections is %d): pods would refuse clients, and none would be added." $target (int (dig "admission" "max_connections" 10000 .Values.config))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.validateSysctls" -}}
{{- if and (eq .Values.podSysctls.profile "unsafe") (not .Values.podSysctls.acknowledgeUnsafe) -}}
{{- fail "podSysctls.profile is unsafe: kubelets refuse such pods (SysctlForbidden) unless --allowed-unsafe-sysctls names the keys, and the pod security level restricted does too. Set podSysctls.acknowledgeUnsafe=true once nodes allow them, or use safe." -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.validateNetwork" -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.enabled is true without httpRoute.parentRefs: name the Gateway, such as [{name: public, namespace: gateways}]." -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled .Values.ingress.enabled -}}
{{- fail "httpRoute.enabled and ingress.enabled are both true: two ways in with different timeouts. Choose one." -}}
{{- end -}}
{{- if and .Values.service.nodePort (eq .Values.service.type "ClusterIP") -}}
{{- fail "service.nodePort needs service.type NodePort or LoadBalancer." -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.validateDemo" -}}
{{- if .Values.demo.enabled -}}
{{- if .Values.redis.external.addresses -}}
{{- fail "demo.enabled is true with redis.external.addresses: the page's switches break things on purpose, and whoever uses that Redis would feel it. Leave the demo out, or try it with redis.trial.enabled=true or one pod." -}}
{{- end -}}
{{- if not .Values.secrets.keys.tokenHmacSecret -}}
{{- fail "demo.enabled needs secrets.keys.tokenHmacSecret: its login signs tokens that every pod has to take." -}}
{{- end -}}
{{- if hasKey (dig "auth" (dict) .Values.config) "enabled" -}}
{{- fail "config.auth.enabled is set, and demo.enabled brings a login with users of its own. Leave one of them out." -}}
{{- end -}}
{{- end -}}
{{- end -}}
