#!/usr/bin/env bash
# Shows a plan on GitHub: one comment on the pull request, or one issue about drift, made once and then kept up
# to date. The first line of the plan's markdown, `<!-- portkey-sync:plan ... -->`, says which one is ours.
#
# Only what IN_AUTHOR wrote is updated: anybody may post that line. Gives up with a warning, because a comment
# that cannot be written must not hide the result of the plan. Needs bash, gh and jq, with a token in GH_TOKEN;
# has no API key.
set -euo pipefail

: "${GITHUB_REPOSITORY:?}" "${IN_COMMAND:?}"

author=${IN_AUTHOR:-github-actions[bot]}
api=repos/$GITHUB_REPOSITORY

give_up() {
  printf '::warning title=portkey-sync::%s\n' "$1"
  exit 0
}

case $IN_COMMAND in
  plan | drift) ;;
  *) exit 0 ;;
esac
# Nothing was to be planned, as on a fork; whoever decided that has said so.
[[ -n ${IN_MARKDOWN_FILE:-} ]] || exit 0
[[ -s $IN_MARKDOWN_FILE ]] || give_up 'there is no plan to show'
IFS= read -r marker <"$IN_MARKDOWN_FILE" || true
[[ $marker == '<!-- portkey-sync:plan '*' -->' ]] || give_up 'the plan does not begin with its marker'

# The number of the first of these (comments or issues) that we wrote about this plan.
ours() {
  local field=$1 path=$2
  gh api --paginate "$path" | jq -rs --arg marker "$marker" --arg author "$author" --arg field "$field" '
    # Of files that are invalid, or an organisation without keys, nobody knows the organisation: any one fits.
    def open: test("^<!-- portkey-sync:plan (invalid|unknown) ");
    def files: sub("^<!-- portkey-sync:plan [^ ]+ "; "");
    def same: . == $marker or ((open or ($marker | open)) and startswith("<!-- portkey-sync:plan ")
      and files == ($marker | files));
    [.[][] | select(.user.login == $author and .pull_request == null)
           | select((.body // "") | split("\n")[0] | rtrimstr("\r") | same)][0][$field] // empty'
}

comment() {
  local number found
  number=$(jq -r '.pull_request.number // empty' "${GITHUB_EVENT_PATH:?}")
  [[ $number =~ ^[0-9]+$ ]] || return 0
  found=$(ours id "$api/issues/$number/comments?per_page=100") || give_up 'the comments cannot be read'
  if [[ -n $found ]]; then
    gh api --silent --method PATCH "$api/issues/comments/$found" -F "body=@$IN_MARKDOWN_FILE" ||
      give_up 'the comment cannot be updated; the job needs pull-requests: write'
  else
    gh api --silent --method POST "$api/issues/$number/comments" -F "body=@$IN_MARKDOWN_FILE" ||
      give_up 'the comment cannot be made; the job needs pull-requests: write'
  fi
}

issue() {
  local found
  found=$(ours number "$api/issues?state=open&per_page=100") || give_up 'the issues cannot be read'
  case ${IN_EXIT_CODE:?}/${found:+open} in
    0/open)
      gh api --silent --method PATCH "$api/issues/$found" -f state=closed -F "body=@$IN_MARKDOWN_FILE" ||
        give_up 'the issue cannot be closed; the job needs issues: write'
      ;;
    0/) ;;
    */open)
      gh api --silent --method PATCH "$api/issues/$found" -F "body=@$IN_MARKDOWN_FILE" ||
        give_up 'the issue cannot be updated; the job needs issues: write'
      ;;
    */)
      gh api --silent --method POST "$api/issues" -f 'title=Portkey keys differ from their files' \
        -F "body=@$IN_MARKDOWN_FILE" || give_up 'the issue cannot be opened; the job needs issues: write'
      ;;
  esac
}

case $IN_COMMAND in
  plan) comment ;;
  drift) issue ;;
esac
