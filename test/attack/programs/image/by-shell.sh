#!/bin/sh
# The shell of the image copies the payload and runs it.
cp /attack/payload /tmp/drifted && chmod 755 /tmp/drifted || exit 100
echo ready
/tmp/drifted 2>/tmp/said
code=$?
if grep -q 'Operation not permitted\|Permission denied' /tmp/said; then
	echo errno 1
elif [ $code = 137 ]; then
	echo signal 9
else
	echo exit $code
fi
