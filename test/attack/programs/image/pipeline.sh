#!/bin/sh
# Pipelines, subshells and command substitution.
set -ex
count=$(seq 1 1000 | grep 7 | sed 's/7/seven/g' | sort -r | uniq | wc -l)
test "$count" -eq 271
sum=$(seq 1 100 | awk '{ sum += $1 } END { print sum }')
test "$sum" -eq 5050
(cd /tmp && ls -la | tail -n 1) > /dev/null
seq 1 20 | xargs -n 1 echo > /tmp/numbers
test "$(wc -l < /tmp/numbers)" -eq 20
echo done
