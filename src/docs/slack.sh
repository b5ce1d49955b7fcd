#!/bin/sh
# Posts what dubwatch runs it for to a Slack incoming webhook. Needs curl and jq.
#
#   dubwatch --on failed,overdue --exec './slack.sh /home/me/.config/dubwatch/slack-webhook'
#
# The argument is a file (chmod 600) that holds the URL of the webhook: it is a secret, and other users
# can see the arguments and variables of programs.
set -eu

url=$(cat "$1")
name=${DUB_ASSET_NAME:-$DUB_ASSET_ID}

# Ids and names come from outside: jq makes JSON of them, and what Slack would take for a mention or a
# link is escaped.
jq -n \
  --arg on "$DUB_ON" --arg event "$DUB_EVENT" --arg name "$name" --arg locale "$DUB_VERSION_LOCALE" \
  --arg version "$DUB_VERSION_ID" --arg why "$DUB_WHY" --arg count "$DUB_COUNT" '
  def plain: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;");
  ([$on, $name, $locale, $event, $version, $why] | map(select(. != "")) | join("  ")) as $line
  | if $count == "1" then $line else "\($line)  (the last of \($count))" end
  | {text: plain}
' > "$DUB_FOLDER/message.json"

# The URL goes to curl by standard input, not by its arguments.
printf 'url = "%s"\n' "$url" | curl --config - --silent --show-error --fail --max-time 30 \
  --header 'content-type: application/json' --data-binary "@$DUB_FOLDER/message.json" --output /dev/null
