#!/usr/bin/env python3
"""Watches the listener's system calls: no 2xx may leave before a sync that came after its request.

  fsync.py BINARY

Starts `BINARY` under strace with a journal on disk, posts signed callbacks over several
connections, and reads the trace: for each answer that is written to a socket, the request was read
from that socket before, and between the two an fsync or fdatasync of the journal's write-ahead log
began and succeeded.
"""
import os
import re
import subprocess
import sys
import tempfile
import threading

COUNT, CONNECTIONS = 50, 4
CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<fd>\d+)<(?P<path>[^\"]*?)>(?P<rest>[, )].*)$")
RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")
SYNCS, READS, WRITES = ("fsync", "fdatasync"), ("recvfrom", "read"), ("sendto", "write", "writev", "sendmsg")


def trace(binary, directory):
    """Runs the listener under strace while callbacks are posted; gives the trace's lines."""
    log = os.path.join(directory, "trace")
    db = os.path.join(directory, "journal.db")
    env = dict(os.environ, XDG_STATE_HOME=directory, XDG_CONFIG_HOME=directory)
    watch = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "64", "-o", log, "-e", "trace=" + ",".join(SYNCS + READS + WRITES),
         binary, "--listen", "127.0.0.1:0", "--db", db, "--json"],
        stdout=subprocess.PIPE, env=env, text=True)
    try:
        url = re.search(r'"callback_url":"([^"]+)"', watch.stdout.readline()).group(1)
        # Read along, so that the listener never waits for us.
        threading.Thread(target=watch.stdout.read, daemon=True).start()
        senders = [
            subprocess.Popen([binary, "send", "--db", db, "--to", url, "--count", str(COUNT),
                              "--asset", f"ast_{n}", "--version", "v{n}"],
                             stdout=subprocess.DEVNULL, env=env)
            for n in range(CONNECTIONS)]
        for sender in senders:
            if sender.wait(timeout=120) != 0:
                sys.exit("a sender failed: its callbacks were not answered 2xx")
    finally:
        # strace hands SIGTERM on to nobody; its child is the listener.
        with open(f"/proc/{watch.pid}/task/{watch.pid}/children", encoding="ascii") as children:
            for child in children.read().split():
                os.kill(int(child), 15)
        watch.wait(timeout=30)
    with open(log, encoding="utf-8", errors="replace") as lines:
        return lines.readlines()


def check(lines):
    """Gives the number of 2xx answers, and complaints about those that no sync went before."""
    answers, complaints = 0, []
    synced = -1             # the line at which the newest successful sync of the log had begun
    unfinished = {}         # thread → the call that it is in, and the line and path of its beginning
    asked = {}              # socket → the line at which its newest request had been read
    for number, line in enumerate(lines):
        call, done = CALL.match(line), RESUMED.match(line)
        if call:
            name, path, rest, begun = call["name"], call["path"], call["rest"], number
            if "<unfinished ...>" in rest and name not in WRITES:
                unfinished[call["pid"]] = (name, path, number)
                continue
        elif done and done["pid"] in unfinished:
            name, path, begun = unfinished.pop(done["pid"])
            rest = done["rest"]
        else:
            continue
        if name in SYNCS and path.endswith("-wal") and rest.rstrip().endswith("= 0"):
            synced = max(synced, begun)
        elif name in READS and "POST /callback" in rest:
            asked[path] = number
        elif name in WRITES and "HTTP/1.1 2" in rest:
            answers += 1
            if synced <= asked.get(path, len(lines)):
                complaints.append(f"line {number + 1}: a 2xx without a sync after its request: {line.strip()}")
    return answers, complaints


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as directory:
        answers, complaints = check(trace(sys.argv[1], directory))
    for complaint in complaints[:10]:
        print(complaint)
    if answers != COUNT * CONNECTIONS:
        sys.exit(f"{answers} answers in the trace, {COUNT * CONNECTIONS} expected")
    print(f"fsync: {answers - len(complaints)} passed, {len(complaints)} failed")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
