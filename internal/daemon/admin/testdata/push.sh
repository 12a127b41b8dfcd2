# Commits a page and pushes it: push.sh FOLDER SUBJECT TEXT
set -eu
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Grace GIT_AUTHOR_EMAIL=grace@example.com GIT_COMMITTER_NAME=Grace GIT_COMMITTER_EMAIL=grace@example.com
cd "$1/work"
mkdir -p public
printf '<h1>%s</h1>\n' "$3" > public/index.html
git add -A
git commit -qm "$2"
git push -q ../origin.git HEAD:refs/heads/main
