#!/usr/bin/env bash
# Shows a plan on a merge request of GitLab: one note, made once and then kept up to date.
#   gitlab-note.sh plan.md
#
# The first line of the file, `<!-- portkey-sync:plan ... -->`, says which note is ours; only what the token's own
# user wrote is updated. A note that cannot be written is said and hides nothing: the result of the plan is the
# job's. Needs bash, curl and jq. GITLAB_NOTE_TOKEN is a project access token with the scope `api`; a job token
# cannot write notes. It goes to curl on standard input, so that no argument shows it.
set -euo pipefail

markdown=${1:?the file that holds the plan}

give_up() {
  printf 'portkey-sync: %s\n' "$1" >&2
  exit 0
}

[[ -n ${CI_MERGE_REQUEST_IID:-} ]] || give_up 'this is no merge request'
[[ -n ${GITLAB_NOTE_TOKEN:-} ]] || give_up 'GITLAB_NOTE_TOKEN is not set, so the plan is in the log only'
[[ -s $markdown ]] || give_up 'there is no plan to show'
IFS= read -r marker <"$markdown" || true
[[ $marker == '<!-- portkey-sync:plan '*' -->' ]] || give_up 'the plan does not begin with its marker'

notes=${CI_API_V4_URL:?}/projects/${CI_PROJECT_ID:?}/merge_requests/$CI_MERGE_REQUEST_IID/notes

call() {
  printf 'header = "PRIVATE-TOKEN: %s"\n' "$GITLAB_NOTE_TOKEN" |
    curl --silent --show-error --fail --max-time 60 --config - "$@"
}

user=$(call "$CI_API_V4_URL/user" | jq -r '.id') || give_up 'the token is not accepted'
found=''
page=1
while [[ -z $found && -n $page ]]; do
  answer=$(call "$notes?sort=asc&per_page=100&page=$page") || give_up 'the notes cannot be read'
  found=$(jq -r --arg marker "$marker" --arg user "$user" '
    # Of files that are invalid, or an organisation without keys, nobody knows the organisation: any one fits.
    def open: test("^<!-- portkey-sync:plan (invalid|unknown) ");
    def files: sub("^<!-- portkey-sync:plan [^ ]+ "; "");
    def same: . == $marker or ((open or ($marker | open)) and startswith("<!-- portkey-sync:plan ")
      and files == ($marker | files));
    [.[] | select((.author.id | tostring) == $user)
         | select((.body // "") | split("\n")[0] | rtrimstr("\r") | same)][0].id // empty' <<<"$answer")
  if [[ $(jq length <<<"$answer") == 100 ]]; then
    page=$((page + 1))
  else
    page=''
  fi
done

body=$(mktemp)
trap 'rm -f -- "$body"' EXIT
jq -Rs '{body: .}' <"$markdown" >"$body"
if [[ -n $found ]]; then
  method=PUT
  notes=$notes/$found
else
  method=POST
fi
call --output /dev/null --request "$method" --header 'Content-Type: application/json' --data "@$body" "$notes" ||
  give_up 'the note cannot be written'
