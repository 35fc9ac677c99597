// Where scripts/test-cluster takes the definitions of the operators' resources from. Nothing is built of it.
module scrutin.test/definitions

go 1.24

require (
	github.com/cloudnative-pg/cloudnative-pg v1.29.2
	github.com/external-secrets/external-secrets v1.3.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
