#!/usr/bin/env bash
# Runs portkey-sync in a job of GitHub Actions: arguments from IN_* variables, results to $GITHUB_OUTPUT.
#
# Every input becomes words of an argument list; none is evaluated. What the program prints is shown between
# `stop-commands` and its token, so that no line of it can command the runner; the annotations of
# `validate --format github` alone are let through. Ends with 0 once the outputs are written: the job ends with
# the output `exit-code` after it has reported.
#
# Needs bash, git and jq. Reads no token; the API key comes in PORTKEY_ADMIN_API_KEY and goes into no argument.
set -euo pipefail

: "${GITHUB_OUTPUT:?}" "${RUNNER_TEMP:?}"

program=${IN_BINARY:-portkey-sync}
plan_file=${IN_PLAN_FILE:-$RUNNER_TEMP/portkey-sync-plan.json}
markdown=$RUNNER_TEMP/portkey-sync-plan.md
work_dir=${PORTKEY_SYNC_WORK_DIR:-.portkey-sync}

fail_usage() {
  printf '::error title=portkey-sync::%s\n' "$1"
  finish 64
}

output() {
  printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# The result of the whole; the last thing that is done.
finish() {
  output exit-code "$1"
  exit 0
}

# From here on nothing that is printed can command the runner.
hush() {
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$token"
}

# The end of that.
speak() {
  printf '\n::%s::\n' "$token"
}

# The lines of a text, or its words between commas, as values of an option.
options() {
  local name=$1 text=$2 value
  while IFS= read -r value; do
    value=${value#"${value%%[![:space:]]*}"}
    value=${value%"${value##*[![:space:]]}"}
    if [[ -n $value ]]; then
      # Joined, so that a value which begins with a dash is no option of its own.
      words+=("$name=$value")
    fi
  done <<<"$text"
}

# Whether this run cannot have a key, and that is nobody's mistake: a fork, or Dependabot.
has_no_secrets() {
  case ${GITHUB_EVENT_NAME:-} in
    pull_request | pull_request_review) ;;
    *) return 1 ;;
  esac
  [[ ${GITHUB_ACTOR:-} == 'dependabot[bot]' ]] && return 0
  local head
  head=$(jq -r '.pull_request.head.repo.full_name // "gone"' "${GITHUB_EVENT_PATH:?}")
  [[ $head != "${GITHUB_REPOSITORY:?}" ]]
}

# The policy in force: the base's, so that no pull request changes the policy that judges it. Only of a file that the
# base certainly does not have, or that lies outside of the repository, the one at hand is taken. Ends with 2 where the
# path leads through a link or a submodule of the repository: what is behind it is the pull request's to say.
policy_in_force() {
  local kept=$RUNNER_TEMP/portkey-sync-policy.yaml top parent real rest part revision entry links=0
  if [[ -z $base_ref ]]; then
    printf '%s' "$1"
    return
  fi
  git rev-parse --quiet --verify --end-of-options "$base_ref^{commit}" >/dev/null || return 1
  # Git prefers a tag to a branch, so a tag of the base's name would stand in for it.
  local kind named=0
  for kind in tags heads remotes; do
    if git show-ref --verify --quiet -- "refs/$kind/$base_ref"; then named=$((named + 1)); fi
  done
  ((named <= 1)) || return 1
  parent=$(git rev-parse --show-superproject-working-tree) || return 1
  [[ -z $parent ]] || return 2
  top=$(cd -P -- "$(git rev-parse --show-toplevel)" && pwd) || return 1
  # Name by name, from the root: a link outside of the repository may lead into it, and one inside anywhere.
  real=/ rest=$1/
  [[ $1 == /* ]] || rest=$PWD/$1/
  entry=''
  while [[ -n $rest ]]; do
    part=${rest%%/*}
    rest=${rest#*/}
    case $part in
      '' | .) continue ;;
      ..)
        real=$(dirname -- "$real")
        continue
        ;;
    esac
    real=${real%/}/$part
    if [[ $real == "$top"/* ]]; then
      for revision in HEAD "$base_ref"; do
        entry=$(git ls-tree --full-tree "$revision" -- "${real#"$top"/}") || return 1
        case $entry in
          '120000 '* | '160000 '*) return 2 ;;
        esac
      done
    fi
    if [[ -L $real ]]; then
      links=$((links + 1))
      ((links <= 40)) || return 1
      rest=$(readlink -- "$real")/$rest || return 1
      real=$(dirname -- "$real")
      [[ $rest != /* ]] || real=/
    fi
  done
  if [[ $real != "$top"/* || -z $entry ]]; then
    printf '%s' "$1"
    return
  fi
  git cat-file blob "$base_ref:${real#"$top"/}" >"$kept" || return 1
  printf '%s' "$kept"
}

# What the escrow would show to whoever downloads it: nothing, encrypted secrets, or plain ones.
escrow_state() {
  local state=none slot
  for slot in "$work_dir"/escrow/*; do
    [[ -f $slot ]] || continue
    if jq -se 'length == 1 and (.[0] | type == "object" and .secret == null)' <"$slot" >/dev/null 2>&1; then
      [[ $state == plain ]] || state=encrypted
    else
      state=plain
    fi
  done
  printf '%s' "$state"
}

# With `alone`, no plan follows that would judge by the live keys.
validate() {
  local words=()
  if [[ -n $base_ref ]]; then
    words+=("--base-ref=$base_ref")
    # A risk is a change, so it takes a base to see one without a key. Of what only the live keys can tell, the plan
    # knows more.
    [[ ${1:-} != alone ]] || options --deny-risk "${IN_DENY_RISK//,/$'\n'}"
  fi
  [[ -z $policy ]] || words+=("--policy=$policy")
  code=0
  # These lines are made to annotate the pull request; the program escapes what it quotes.
  "$program" validate "${files[@]}" "${words[@]}" --format github || code=$?
}

plan() {
  local words=() digest='' has_changes=false
  [[ -z $base_ref ]] || words+=("--base-ref=$base_ref")
  [[ -z $policy ]] || words+=("--policy=$policy")
  options --deny-risk "${IN_DENY_RISK//,/$'\n'}"
  rm -f -- "$plan_file" "$markdown"
  code=0
  hush
  "$program" plan "${files[@]}" "${words[@]}" --detailed-exitcode --out "$plan_file" --format markdown \
    >"$markdown" || code=$?
  cat -- "$markdown"
  speak
  if [[ -s $plan_file ]]; then
    digest=$(jq -r '.digest // empty' <"$plan_file")
    [[ $digest =~ ^[0-9a-f]+$ ]] || fail_usage 'the saved plan has no digest'
    [[ $(jq '.plan.changes | length' <"$plan_file") == 0 ]] || has_changes=true
    output digest "$digest"
    output plan-file "$plan_file"
  fi
  output has-changes "$has_changes"
  output markdown-file "$markdown"
  if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
    cat -- "$markdown" >>"$GITHUB_STEP_SUMMARY"
  fi
}

apply() {
  local words=() escrow
  if [[ -n ${IN_EXPECT_PLAN:-} && ! $IN_EXPECT_PLAN =~ ^[0-9a-f]+$ ]]; then
    fail_usage 'expect-plan is no digest'
  fi
  options --allow-command "${IN_ALLOW_COMMANDS:-}"
  [[ -z $policy ]] || words+=("--policy=$policy")
  code=0
  hush
  if [[ -n ${IN_EXPECT_PLAN:-} && -z ${IN_PLAN_FILE:-} ]]; then
    options --deny-risk "${IN_DENY_RISK//,/$'\n'}"
    "$program" apply "${files[@]}" "${words[@]}" --expect-plan "$IN_EXPECT_PLAN" || code=$?
  else
    [[ -z ${IN_EXPECT_PLAN:-} ]] || words+=(--expect-plan "$IN_EXPECT_PLAN")
    # The files are named here, not by whoever saved the plan; its own options hold otherwise, its denied risks too.
    "$program" apply "$plan_file" "${files[@]}" "${words[@]}" || code=$?
  fi
  speak
  escrow=$(escrow_state)
  output escrow "$escrow"
  case $code in
    0) ;;
    3) printf '::error title=portkey-sync::not everything was done; the log says what, and running again goes on from there\n' ;;
    4) printf '::error title=portkey-sync::refused or blocked; nothing was written\n' ;;
    *) printf '::error title=portkey-sync::apply failed with %s; the log says why\n' "$code" ;;
  esac
  if [[ $code != 0 && $escrow == plain ]]; then
    printf '::warning title=portkey-sync::the escrow holds secrets in plain text, so it must not become an artifact; name recipients under escrow in the keys file\n'
  fi
}

# A path means the same before and after the change of folder.
if [[ $program == */* && $program != /* ]]; then
  program=$PWD/$program
fi
if [[ -n ${IN_WORKING_DIRECTORY:-} ]]; then
  cd -- "$IN_WORKING_DIRECTORY"
fi

words=()
options --file "${IN_FILES:-keys.yaml}"
files=("${words[@]}")

base_ref=${IN_BASE_REF:-}
if [[ -n $base_ref && ! $base_ref =~ ^[A-Za-z0-9_][A-Za-z0-9_./^~@-]*$ ]]; then
  fail_usage 'base-ref is no name of a commit'
fi
policy=''
if [[ -n ${IN_POLICY:-} ]]; then
  failed=0
  policy=$(policy_in_force "$IN_POLICY") || failed=$?
  case $failed in
    0) ;;
    2) fail_usage 'the path of policy leads through a symbolic link or a submodule of this repository, and a pull request can change what is behind it; name the file itself, or check the repository that has it out into a folder of its own' ;;
    *) fail_usage 'the policy of base-ref cannot be read; is base-ref in this checkout, and the name of one branch or tag only? Check out with fetch-depth 0' ;;
  esac
fi

case ${IN_COMMAND:-} in
  validate | plan | apply | drift) ;;
  *) fail_usage 'command is one of validate, plan, apply, drift' ;;
esac

if [[ $IN_COMMAND == validate ]]; then
  validate alone
  finish "$code"
fi

if [[ -z ${PORTKEY_ADMIN_API_KEY:-} ]]; then
  if [[ $IN_COMMAND == plan ]] && has_no_secrets; then
    printf '::notice title=portkey-sync::this run has no API key, so the files were checked and nothing was planned\n'
    validate alone
    finish "$code"
  fi
  fail_usage 'there is no API key: is the secret set, and may this job read it?'
fi

if [[ $IN_COMMAND == apply ]]; then
  # A plan that was given or approved is applied; otherwise one is made here, under the same rules.
  if [[ -z ${IN_PLAN_FILE:-} && -z ${IN_EXPECT_PLAN:-} ]]; then
    plan
    case $code in
      0 | 2) ;;
      *) finish "$code" ;;
    esac
  fi
  apply
  finish "$code"
fi

# On the pull request, mistakes and risks are shown at their lines. The plan is made all the same: of files that are
# invalid it says so, so that the comment does not go on showing an earlier plan.
checked=0
if [[ $IN_COMMAND == plan ]]; then
  validate
  checked=$code
fi
plan
# Pending changes are what a plan is for; as drift, they are what the job is to show.
if [[ $code == 2 && $IN_COMMAND == plan ]]; then
  code=0
fi
[[ $code != 0 ]] || code=$checked
finish "$code"
