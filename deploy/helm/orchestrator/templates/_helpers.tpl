{{- define "orchestrator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "orchestrator.fullname" -}}
{{- $name := include "orchestrator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "orchestrator.selector" -}}
app.kubernetes.io/name: {{ include "orchestrator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "orchestrator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "orchestrator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "orchestrator.metadata" -}}
name: {{ include "orchestrator.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "orchestrator.labels" . | nindent 2 }}
{{- end -}}

{{- define "orchestrator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* A value as the environment has it. Not toString: a number of YAML is a float, and 8388608 would be 8.388608e+06. */}}
{{- define "orchestrator.text" -}}
{{- if kindIs "string" . -}}{{ . }}{{- else -}}{{ toJson . }}{{- end -}}
{{- end -}}

{{/* REDIS_URL with the mounted certificates among its parameters. */}}
{{- define "orchestrator.redisUrl" -}}
{{- $tls := .Values.redis.tls -}}
{{- $parameters := list -}}
{{- if $tls.caSecret.name -}}
{{- $parameters = append $parameters "ssl_ca_certs=/etc/orchestrator/redis-tls/ca.crt" -}}
{{- end -}}
{{- if $tls.clientSecret.name -}}
{{- $parameters = append $parameters "ssl_certfile=/etc/orchestrator/redis-tls/tls.crt" -}}
{{- $parameters = append $parameters "ssl_keyfile=/etc/orchestrator/redis-tls/tls.key" -}}
{{- end -}}
{{- if and $parameters (not (hasPrefix "rediss" .Values.redis.url)) -}}
{{- fail "redis.tls names certificates, and redis.url is no rediss URL" -}}
{{- end -}}
{{- .Values.redis.url -}}
{{- if $parameters -}}
{{- ternary "&" "?" (contains "?" .Values.redis.url) -}}{{- join "&" $parameters -}}
{{- end -}}
{{- end -}}

{{/* What goes together, beyond what the schema can say. */}}
{{- define "orchestrator.check" -}}
{{- $v := .Values -}}
{{- range $name, $_ := $v.secretFiles -}}
{{- if or (hasKey $v.settings $name) (hasKey $v.secretEnv $name) -}}
{{- fail (printf "%s is given twice: leave it in secretFiles alone" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $v.secretEnv -}}
{{- if hasKey $v.settings $name -}}
{{- fail (printf "%s is given twice: leave it in secretEnv alone" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $v.redis.url (hasKey $v.secretEnv "REDIS_URL") -}}
{{- fail "redis.url and secretEnv.REDIS_URL are both given: leave one out" -}}
{{- end -}}
{{- if not (or $v.redis.url (hasKey $v.secretEnv "REDIS_URL") (get $v.settings "REDIS_SENTINELS")) -}}
{{- fail "redis.url is empty: where is Redis? For example --set redis.url=redis://valkey:6379" -}}
{{- end -}}
{{- if and (hasPrefix "file:" $v.archive.url) (not (and $v.archive.claim (hasPrefix "file:///archive/" $v.archive.url))) -}}
{{- fail "archive.url is a folder: give archive.claim, which is mounted at /archive, and a folder in it, like file:///archive/orchestrator" -}}
{{- end -}}
{{- range $name, $_ := $v.archive.secretFiles -}}
{{- if or (hasKey $v.archive.env $name) (hasKey $v.archive.secretEnv $name) -}}
{{- fail (printf "%s is given twice: leave it in archive.secretFiles alone" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $v.archive.secretEnv -}}
{{- if hasKey $v.archive.env $name -}}
{{- fail (printf "%s is given twice: leave it in archive.secretEnv alone" $name) -}}
{{- end -}}
{{- end -}}
{{- if and $v.keda.enabled $v.autoscaling.enabled -}}
{{- fail "keda and autoscaling are both enabled: two scalers would work against each other" -}}
{{- end -}}
{{- range $scaler := list $v.keda $v.autoscaling -}}
{{- if gt (int $scaler.minReplicas) (int $scaler.maxReplicas) -}}
{{- fail (printf "minReplicas %d is above maxReplicas %d" (int $scaler.minReplicas) (int $scaler.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and $v.keda.enabled (eq $v.keda.trigger "prometheus") (not $v.keda.prometheus.serverAddress) -}}
{{- fail "keda.trigger is prometheus and keda.prometheus.serverAddress is empty" -}}
{{- end -}}
{{- if and $v.keda.enabled (eq $v.keda.trigger "lag") (hasKey $v.secretFiles "HTTP_TOKEN_FILE") (not $v.keda.lag.tokenSecret.name) -}}
{{- fail "HTTP_TOKEN_FILE lets nobody read without a token: name KEDA's in keda.lag.tokenSecret" -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- fail "ingress is enabled and ingress.hosts is empty" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.networkPolicy.egress.enabled (not $v.networkPolicy.egress.redis) -}}
{{- fail "networkPolicy.egress is enabled and its redis is empty: the service would reach no Redis" -}}
{{- end -}}
{{- end -}}
