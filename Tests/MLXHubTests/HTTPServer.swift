import Foundation
import Glibc
import Synchronization

/// A small server on a free port of the loopback interface.
final class HTTPServer: Sendable {
    struct Request: Sendable {
        let method: String
        /// The path as it was sent, with escapes.
        let path: String
        let headers: [String: String]

        /// The first byte that a range asks for; nil without one.
        var start: Int? {
            headers["range"].flatMap { range in
                Int(range.dropFirst("bytes=".count).prefix { $0.isNumber })
            }
        }
    }

    struct Answer: Sendable {
        var status = 200
        var headers: [(String, String)] = []
        var body = Data()
        /// After so many bytes of the body the connection is closed; nil for never.
        var cut: Int?
    }

    let port: Int
    private let descriptor: Int32
    private let requests = Mutex<[Request]>([])

    var address: String { "http://127.0.0.1:\(port)" }

    /// What was asked for so far.
    var log: [Request] { requests.withLock { $0 } }

    func forget() { requests.withLock { $0 = [] } }

    init(_ answer: @escaping @Sendable (Request) -> Answer) {
        // A client that leaves is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                bind(descriptor, name, length)
                getsockname(descriptor, name, &length)
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
        listen(descriptor, 64)
        self.descriptor = descriptor
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(descriptor, nil, nil)
                if client < 0 { return }
                Thread.detachNewThread { [weak self] in
                    defer { close(client) }
                    guard let request = Self.read(client), let self else { return }
                    requests.withLock { $0.append(request) }
                    Self.write(answer(request), to: request, client)
                }
            }
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    private static func read(_ client: Int32) -> Request? {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) {
            guard head.count < 1 << 16, recv(client, &byte, 1, 0) == 1 else { return nil }
            head.append(byte)
        }
        let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ").map(String.init)
        guard words.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return Request(method: words[0], path: words[1], headers: headers)
    }

    private static func write(_ answer: Answer, to request: Request, _ client: Int32) {
        var head = "HTTP/1.1 \(answer.status) Words\r\nConnection: close\r\n"
        if !answer.headers.contains(where: { $0.0 == "Content-Length" }) {
            head += "Content-Length: \(answer.body.count)\r\n"
        }
        for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
        var bytes = Array((head + "\r\n").utf8)
        if request.method != "HEAD" { bytes += answer.body.prefix(answer.cut ?? answer.body.count) }
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes {
                send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            start += count
        }
    }
}
