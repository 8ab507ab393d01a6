{{- define "valetkey.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "valetkey.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: valetkey
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{ include "valetkey.selector" . }}
{{- end -}}

{{- define "valetkey.selector" -}}
app.kubernetes.io/name: valetkey
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "valetkey.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "valetkey.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "valetkey.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{- /* Where any of the release's pods may run, and what fetches its image. */ -}}
{{- define "valetkey.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* What the schema cannot say. */ -}}
{{- define "valetkey.check" -}}
{{- with .Values -}}
{{- if not .publicUrl -}}
{{- fail "publicUrl: expected how browsers reach the HTTP port, such as https://tokens.example.com" -}}
{{- end -}}
{{- if and .store.embedded.enabled .store.postgres.url -}}
{{- fail "store: expected store.embedded.enabled or store.postgres.url, not both" -}}
{{- end -}}
{{- if not (or .store.embedded.enabled .store.postgres.url) -}}
{{- fail "store: expected store.postgres.url, or store.embedded.enabled for one replica" -}}
{{- end -}}
{{- if regexMatch "^[a-z]+://[^/@]*:[^/@]*@" .store.postgres.url -}}
{{- fail "store.postgres.url: expected no password in it: it is in the secret that store.postgres.passwordSecret names" -}}
{{- end -}}
{{- if and .store.embedded.enabled .redis.enabled (not .redis.url) -}}
{{- fail "redis.enabled: expected with store.postgres, or with redis.url: one replica with an embedded store has no use for a Redis of its own" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "valetkey.redisUrl" -}}
{{- .Values.redis.url | default (printf "redis://%s-redis:6379/0?password_file=/etc/valetkey/redis/password" (include "valetkey.name" .)) -}}
{{- end -}}
