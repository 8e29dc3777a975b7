#!/bin/sh
# Prints the run folder: $RUN, or ./run, or a folder elsewhere where other uids cannot get to ./run.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
folder=${RUN:-$root/run}
case $folder in /*) ;; *) folder=$root/$folder ;; esac

# Only as root do servers run under uids of their own, which must be able to search every folder on the way.
unreachable=''
if [ "$(id -u)" = 0 ]; then
    parent=$folder
    while [ "$parent" != / ]; do
        parent=$(dirname "$parent")
        [ ! -d "$parent" ] || case $(stat -c %A "$parent") in *[xt]) ;; *) unreachable=$parent ;; esac
    done
fi
if [ -n "$unreachable" ]; then
    other=/srv/hubgate-$(printf %s "$folder" | sha256sum | cut -c1-8)
    echo "hubgate: servers of other uids cannot get through $unreachable, so the run folder is $other" >&2
    folder=$other
fi
# nginx's configuration, a shebang line and a unix socket's address do not take every path.
case $folder in *[!A-Za-z0-9_./+-]*) echo "hubgate: the run folder $folder has a character that nginx's files cannot hold; choose one: make run RUN=/some/folder" >&2; exit 1 ;; esac
echo "$folder"
