"""What bounds the ZeroMQ transport on this machine.

    python loopback.py stream       # bytes a second of one TCP stream over loopback, as iperf3 tells
    python loopback.py duplex       # bytes a second and direction where two processes send to each other
    python loopback.py curve        # bytes a second that one core encrypts and decrypts by libsodium

`stream` sends from one process to another in pieces of 1 MiB, as one stream of iperf3 does; `duplex` has both
send and receive at once, each on a thread, as the ranks of a ring do. `curve`
encrypts pieces with the box of CurveZMQ (crypto_box, XSalsa20 and Poly1305) and decrypts them, which is
what a rank of a ring does with every byte that it passes on. Medians of rounds; one JSON line.
"""
import argparse
import ctypes
import ctypes.util
import json
import os
import socket
import statistics
import threading
from time import perf_counter as now, process_time

PIECE = 1 << 20


def stream(seconds):
    """Bytes a second of one stream."""
    server = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        with socket.create_connection(server.getsockname()) as connection:
            send(connection, seconds)
        os._exit(0)
    connection, _ = server.accept()
    rate = receive(connection)
    os.waitpid(child, 0)
    return rate


def send(connection, seconds):
    piece, end = memoryview(bytearray(PIECE)), now() + seconds
    while now() < end:
        connection.sendall(piece)
    connection.shutdown(socket.SHUT_WR)


def receive(connection):
    piece, count = memoryview(bytearray(PIECE)), 0
    start = now()
    while got := connection.recv_into(piece):
        count += got
    return count / (now() - start)


def duplex(seconds):
    """Bytes a second that come in while as many go out, over a connection for each direction."""
    server = socket.create_server(("127.0.0.1", 0))

    def both(out, into):
        sender = threading.Thread(target=send, args=(out, seconds))
        sender.start()
        rate = receive(into)
        sender.join()
        return rate

    child = os.fork()
    if child == 0:
        out = socket.create_connection(server.getsockname())
        both(out, socket.create_connection(server.getsockname()))
        os._exit(0)
    into, _ = server.accept()
    rate = both(server.accept()[0], into)
    os.waitpid(child, 0)
    return rate


def curve(seconds):
    """Bytes a second that one core encrypts and then decrypts."""
    name = ctypes.util.find_library("sodium")
    if not name:
        raise SystemExit("loopback.py: libsodium is not installed (apt-get install libsodium23)")
    sodium = ctypes.CDLL(name)
    if sodium.sodium_init() < 0:
        raise SystemExit("loopback.py: libsodium does not start")
    pair = [(ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)) for _ in range(2)]
    for public, secret in pair:
        sodium.crypto_box_keypair(public, secret)
    key, nonce = ctypes.create_string_buffer(32), ctypes.create_string_buffer(24)
    sodium.crypto_box_beforenm(key, pair[0][0], pair[1][1])
    length = ctypes.c_ulonglong(PIECE)
    plain = ctypes.create_string_buffer(PIECE)
    box, back = ctypes.create_string_buffer(PIECE + 16), ctypes.create_string_buffer(PIECE)
    # Of the processor's time, so that other programs do not count.
    count, start = 0, process_time()
    while process_time() - start < seconds:
        sodium.crypto_box_easy_afternm(box, plain, length, nonce, key)
        if sodium.crypto_box_open_easy_afternm(back, box, ctypes.c_ulonglong(PIECE + 16), nonce, key):
            raise SystemExit("loopback.py: libsodium gives back other bytes")
        count += PIECE
    return count / (process_time() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["stream", "duplex", "curve"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a round")
    options = parser.parse_args()
    measure = {"stream": stream, "duplex": duplex, "curve": curve}[options.what]
    rates = [measure(options.seconds) for _ in range(options.rounds)]
    line = {"what": options.what, "gigabytes_per_second": statistics.median(rates) / 1e9}
    print(json.dumps(line | {"best": max(rates) / 1e9, "rounds": options.rounds}))


if __name__ == "__main__":
    main()
