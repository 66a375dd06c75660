{{/* Names. */}}
{{- define "holdfast.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.serviceAccountName" -}}
{{- default (ternary (include "holdfast.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "holdfast.secretName" -}}
{{- default (printf "%s-secrets" (include "holdfast.fullname" .)) .Values.secrets.existingSecret -}}
{{- end -}}

{{- define "holdfast.redisName" -}}
{{- printf "%s-redis" (include "holdfast.fullname" .) -}}
{{- end -}}

{{- define "holdfast.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Where the demo's password is. */}}
{{- define "holdfast.demoSecret" -}}
{{- default (include "holdfast.secretName" .) .Values.demo.existingSecret -}}
{{- end -}}

{{/* Labels. A component: list .root and .component. */}}
{{- define "holdfast.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: holdfast
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* What joins the pods: trial, external or nothing (one pod with the embedded broker). */}}
{{- define "holdfast.broker" -}}
{{- if .Values.redis.trial.enabled -}}trial{{- else if .Values.redis.external.addresses -}}external{{- end -}}
{{- end -}}

{{/* Seconds of a duration: a number, or a text such as 300ms, 30s, 5m, 1h30m. */}}
{{- define "holdfast.seconds" -}}
{{- $text := toString . -}}
{{- if regexMatch "^[0-9.]+(e[+-]?[0-9]+)?$" $text -}}
{{- float64 $text -}}
{{- else -}}
{{- $units := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 -}}
{{- $total := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h|d)" $text -1 -}}
{{- $total = addf $total (mulf (float64 (regexFind "[0-9.]+" .)) (get $units (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- $total -}}
{{- end -}}
{{- end -}}

{{- define "holdfast.wait" -}}
{{- include "holdfast.seconds" (dig "shutdown" "propagation_wait" 5 .Values.config) -}}
{{- end -}}

{{- define "holdfast.window" -}}
{{- include "holdfast.seconds" (dig "shutdown" "drain_window" 30 .Values.config) -}}
{{- end -}}

{{/* Seconds that a stop may take: wait, drain, flush twice, margin; as the profile calculates it. */}}
{{- define "holdfast.stopSeconds" -}}
{{- $flush := include "holdfast.seconds" (dig "shutdown" "timeout" 10 .Values.config) | float64 -}}
{{- addf (include "holdfast.wait" . | float64) (include "holdfast.window" . | float64) (mulf 2.0 $flush) (float64 .Values.stopMarginSeconds) -}}
{{- end -}}

{{/* The next multiple of 5 above a stop. */}}
{{- define "holdfast.grace" -}}
{{- if not (kindIs "invalid" .Values.terminationGracePeriodSeconds) -}}
{{- int64 .Values.terminationGracePeriodSeconds -}}
{{- else -}}
{{- mul 5 (div (add 5 (int64 (floor (include "holdfast.stopSeconds" . | float64)))) 5) -}}
{{- end -}}
{{- end -}}

{{/* One drain at a time: wait and window; with the embedded broker there is no drain to wait for. */}}
{{- define "holdfast.minReady" -}}
{{- if not (kindIs "invalid" .Values.minReadySeconds) -}}
{{- int64 .Values.minReadySeconds -}}
{{- else if include "holdfast.broker" . -}}
{{- max 30 (int64 (ceil (addf (include "holdfast.wait" . | float64) (include "holdfast.window" . | float64)))) -}}
{{- else -}}
0
{{- end -}}
{{- end -}}

{{/* What one step of a rollout may take: placed and pulled, started, ready for long enough. */}}
{{- define "holdfast.deadline" -}}
{{- if not (kindIs "invalid" .Values.progressDeadlineSeconds) -}}
{{- int64 .Values.progressDeadlineSeconds -}}
{{- else -}}
{{- $before := ternary 0 (int64 (include "holdfast.grace" .)) (ne (include "holdfast.broker" .) "") -}}
{{- add .Values.pullSeconds .Values.probes.startupSeconds (include "holdfast.minReady" . | int64) $before -}}
{{- end -}}
{{- end -}}

{{/* Most seconds of a whole rollout, for helm --timeout. */}}
{{- define "holdfast.rolloutSeconds" -}}
{{- $pods := ternary .Values.autoscaling.maxReplicas .Values.replicaCount .Values.autoscaling.enabled | int64 -}}
{{- add (mul $pods (include "holdfast.deadline" . | int64)) (include "holdfast.grace" . | int64) -}}
{{- end -}}

{{/* Whether to scale on connections: asked for, or auto where custom metrics are served. */}}
{{- define "holdfast.scalesOnConnections" -}}
{{- $wish := toString .Values.autoscaling.connections.enabled -}}
{{- $served := or (.Capabilities.APIVersions.Has "custom.metrics.k8s.io/v1beta1") (.Capabilities.APIVersions.Has "custom.metrics.k8s.io/v1beta2") -}}
{{- if and .Values.autoscaling.enabled (or (eq $wish "true") (and (eq $wish "auto") $served)) -}}true{{- end -}}
{{- end -}}

{{- define "holdfast.hasServiceMonitor" -}}
{{- $wish := toString .Values.metrics.serviceMonitor.enabled -}}
{{- if or (eq $wish "true") (and (eq $wish "auto") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}true{{- end -}}
{{- end -}}

{{/* holdfast.yaml: `config` and what the chart knows better. */}}
{{- define "holdfast.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $external := .Values.redis.external -}}
{{- $redis := dict "prefix" $external.prefix "db" ($external.db | int64) -}}
{{- if .Values.redis.trial.enabled -}}
{{- $redis = merge $redis (dict "addresses" (list (printf "%s:6379" (include "holdfast.redisName" .)))) -}}
{{- else -}}
{{- $redis = merge $redis (dict "addresses" $external.addresses "mode" $external.mode) -}}
{{- if eq $external.mode "sentinel" -}}
{{- $redis = merge $redis (dict "master_name" $external.masterName "sentinel_user" $external.sentinelUser) -}}
{{- end -}}
{{- if $external.user -}}{{- $redis = merge $redis (dict "user" $external.user) -}}{{- end -}}
{{- if $external.tls.enabled -}}
{{- $tls := dict "enabled" true -}}
{{- if $external.tls.existingSecret -}}{{- $tls = merge $tls (dict "ca_file" "/etc/holdfast/redis-tls/ca.crt") -}}{{- end -}}
{{- if $external.tls.clientCertificate -}}
{{- $tls = merge $tls (dict "cert_file" "/etc/holdfast/redis-tls/tls.crt" "key_file" "/etc/holdfast/redis-tls/tls.key") -}}
{{- end -}}
{{- $redis = merge $redis (dict "tls" $tls) -}}
{{- end -}}
{{- end -}}
{{- $broker := ternary (dict "type" "redis" "redis" $redis) (dict "type" "memory") (ne (include "holdfast.broker" .) "") -}}
{{- $config = mergeOverwrite $config (dict "broker" $broker) -}}
{{- if .Values.demo.enabled -}}
{{- $demo := .Files.Get "files/demo.yaml" | fromYaml -}}
{{- if not (include "holdfast.broker" .) -}}
{{- $demo = merge $demo (dict "broker" (dict "snapshot_path" "/etc/holdfast/.holdfast/history.snapshot")) -}}
{{- end -}}
{{- $config = mergeOverwrite $demo $config -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Variables that both the gateway and the test pod have: where settings are, and the secrets. */}}
{{- define "holdfast.secretEnv" -}}
{{- $keys := .Values.secrets.keys -}}
{{- $secret := include "holdfast.secretName" . -}}
- {name: HOLDFAST_CONFIG, value: /etc/holdfast/holdfast.yaml}
{{- with $keys.tokenHmacSecret }}
- name: HOLDFAST_TOKEN__HMAC_SECRET
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}}}
{{- end }}
{{- with $keys.apiKey }}
- name: API_KEY
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}}}
# The setting is a list; Kubernetes puts the key in.
- {name: HOLDFAST_API__KEYS, value: '["$(API_KEY)"]'}
{{- end }}
{{- with $keys.adminToken }}
- name: HOLDFAST_ADMIN__TOKEN
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}}}
{{- end }}
{{- end -}}

{{/* Redis' passwords; nothing with the embedded broker. */}}
{{- define "holdfast.redisEnv" -}}
{{- $keys := .Values.secrets.keys -}}
{{- $broker := include "holdfast.broker" . -}}
{{- $secret := include "holdfast.secretName" . -}}
{{- if eq $broker "external" -}}{{- $secret = default $secret .Values.redis.external.existingSecret -}}{{- end -}}
{{- if and $broker $keys.redisPassword }}
- name: HOLDFAST_BROKER__REDIS__PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ $keys.redisPassword }}}}
{{- end }}
{{- if and (eq $broker "external") (eq .Values.redis.external.mode "sentinel") $keys.redisSentinelPassword }}
- name: HOLDFAST_BROKER__REDIS__SENTINEL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ $keys.redisSentinelPassword }}}}
{{- end }}
{{- end -}}

{{/* Restricted pod security. */}}
{{- define "holdfast.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.runAsGroup }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "holdfast.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Kernel keys of the pod as a YAML list: those safe in this Kubernetes, and all where asked for. */}}
{{- define "holdfast.sysctls" -}}
{{- $found := list -}}
{{- $version := printf "%s.%s.0" .Capabilities.KubeVersion.Major (regexFind "[0-9]+" .Capabilities.KubeVersion.Minor) -}}
{{- if ne .Values.podSysctls.profile "none" -}}
{{- range .Values.podSysctls.safe -}}
{{- if semverCompare (printf ">=%s.0" .since) $version -}}
{{- $found = append $found (dict "name" .name "value" .value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.podSysctls.profile "unsafe" -}}
{{- $found = concat $found .Values.podSysctls.unsafe -}}
{{- end -}}
{{- if $found -}}{{- toYaml $found -}}{{- end -}}
{{- end -}}
