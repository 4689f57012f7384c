"""The Helm chart: rendered by Helm's own library, checked by the schemas of Kubernetes and of the operators."""
