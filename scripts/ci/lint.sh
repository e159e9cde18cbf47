#!/usr/bin/env bash
# Lints the pipelines; CONTRIBUTING.md says where the linters are from.
set -euo pipefail
cd "$(dirname "$0")/../.."

github=(examples/ci/github/*.yml)
zizmor --offline --persona=auditor action.yml "${github[@]}"
check-jsonschema --builtin-schema vendor.github-actions action.yml
check-jsonschema --builtin-schema vendor.github-workflows "${github[@]}"
check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci examples/ci/gitlab/.gitlab-ci.yml
yamllint --strict -d '{extends: default, rules: {line-length: {max: 130}, document-start: disable,
  truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}}}' action.yml examples/ci .pre-commit-hooks.yaml
shellcheck scripts/ci/*.sh tests/pipelines/stand-ins/*
hadolint Dockerfile
pre-commit validate-manifest .pre-commit-hooks.yaml
