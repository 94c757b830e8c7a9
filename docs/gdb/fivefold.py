"""fivefold.py - connections and strands in words, for gdb.

    gdb -x docs/gdb/fivefold.py build/fivefold-5 core
    (gdb) conn conn         a struct conn *
    (gdb) strand strand     a struct strand * (stage 5)
    (gdb) conns list        a struct connections *: all of them, a line each

Where the lists are, in a frame that has the stage: stages 2 and 3
conns &stage->connections; stage 4 conns &stage->recv_poll_list.waiting, and
send_poll_list; stage 5, in a frame of front.c, conns &front->connections. A
strand is a variable of module.c's functions (work_on_locked).
"""
import socket

import gdb


def text(value):
    """A struct text."""
    length = int(value["length"])
    return value["data"].string("latin-1", length=length) if length else ""


def span(request, name):
    """A piece of the request's head: method, target..."""
    base = request["base"]
    if int(base) == 0:
        return ""
    return (base + request[name]["offset"]).string("latin-1", length=int(request[name]["length"]))


def peer(value):
    address = value["address"]
    family = int(address["any"]["sa_family"])
    raw = bytes(gdb.selected_inferior().read_memory(int(address.address), 28))
    if family == socket.AF_INET:
        return "%s:%d" % (socket.inet_ntop(family, raw[4:8]), int.from_bytes(raw[2:4], "big"))
    if family == socket.AF_INET6:
        return "[%s]:%d" % (socket.inet_ntop(family, raw[8:24]), int.from_bytes(raw[2:4], "big"))
    return "nobody"


def waiting(buffer):
    return int(buffer["end"]) - int(buffer["cursor"])


def words_of_conn(conn):
    """One line."""
    words = ["descriptor %d of %s" % (int(conn["fd"]), peer(conn["peer"])), str(conn["state"]),
             "wants %s" % conn["wish"]]
    if conn["away"]:
        words.append("a module has it")
    turn = conn["turn"]
    if int(turn) != 0:
        exchange = turn["exchange"]
        line = span(exchange["request"], "line")
        words.append('request %d "%s"' % (int(exchange["id"]), line))
        status = int(exchange["response"]["status"])
        if status:
            words.append("status %d" % status)
    words.append("%d bytes in, %d out" % (waiting(conn["in"]), waiting(conn["out"])))
    deadline = str(conn["deadline"])
    if deadline != "DEADLINE_NONE":
        words.append("%s at %d ms" % (deadline, int(conn["deadline_ms"])))
    for flag in ("stop", "last", "last_call", "linger"):
        if conn[flag]:
            words.append(flag)
    return ", ".join(words)


class Conn(gdb.Command):
    """conn EXPRESSION: a struct conn *, in words."""

    def __init__(self):
        super().__init__("conn", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        print(words_of_conn(gdb.parse_and_eval(argument)))


class Conns(gdb.Command):
    """conns EXPRESSION: a struct connections *, each in words."""

    def __init__(self):
        super().__init__("conns", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        connections = gdb.parse_and_eval(argument)
        for i in range(int(connections["count"])):
            print("%4d  %s" % (i, words_of_conn(connections["all"][i])))


class Strand(gdb.Command):
    """strand EXPRESSION: a struct strand *, in words, with its tasks."""

    def __init__(self):
        super().__init__("strand", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        strand = gdb.parse_and_eval(argument)
        words = ['"%s"' % text(strand["key"]),
                 "one at a time" if strand["alone"] else "shared",
                 "%d waiting" % int(strand["count"]),
                 "%d at work" % int(strand["active"])]
        if int(strand["held"]):
            words.append("held %d times" % int(strand["held"]))
        if int(strand["rest_ms"]):
            words.append("rests until %d ms" % int(strand["rest_ms"]))
        for flag in ("ready", "blocked", "loose"):
            if strand[flag]:
                words.append(flag)
        print(", ".join(words))
        task = strand["first"]
        while int(task) != 0:
            late = ", late" if task["late"] else ""
            print("    %s since %d ms%s: %s" % (task["kind"], int(task["since_ms"]), late,
                                                words_of_conn(task["conn"])))
            task = task["next"]


Conn()
Conns()
Strand()
