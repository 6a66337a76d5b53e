import Crypto
import Foundation
import Glibc

/// The download of one file into the cache, which goes on where an earlier one broke off.
struct HubDownload {
    private let request: HubRequest
    private let facts: HubFacts
    private let cache: HubCache
    private let what: String
    private let progress: (Int) -> Void

    init(
        _ request: HubRequest, _ facts: HubFacts, _ cache: HubCache, what: String,
        progress: @escaping (Int) -> Void
    ) {
        (self.request, self.facts, self.cache) = (request, facts, cache)
        (self.what, self.progress) = (what, progress)
    }

    /// Downloads, checks and adopts the file.
    func run() throws(HubError) {
        let path = cache.incomplete(facts.tag)
        for isSecond in [false, true] {
            try fill(path)
            if try isRight(path) { return try cache.adopt(facts.tag) }
            // What was there before may have been of another file.
            unlink(path)
            if isSecond { break }
        }
        throw .malformed(
            "\(what) came twice with another digest than \(facts.tag), which \(request.address) promises"
        )
    }

    /// Appends what is missing, again and again while each attempt brings something.
    private func fill(_ path: String) throws(HubError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var size = Int(lseek(descriptor, 0, SEEK_END))
        if size > facts.size { try cut(descriptor, path, &size) }
        var attempt = 1
        while size < facts.size {
            let before = size
            do throws(HubError) {
                try receive(descriptor, path, &size)
                if size == before { throw .unavailable("\(what) broke off at byte \(size)") }
            } catch .unavailable(let reason) {
                attempt = size > before ? 1 : attempt + 1
                guard attempt < HubRequest.attempts else {
                    throw .unavailable("\(reason); run again to go on at byte \(size)")
                }
                HubRequest.pause(attempt)
            }
        }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }

    private func receive(
        _ descriptor: Int32, _ path: String, _ size: inout Int
    ) throws(HubError) {
        var count = size
        defer { size = count }
        let transfer = HubTransfer(try request.request("GET", from: count), follows: .everywhere)
        _ = try transfer.run { answer throws(HubError) in
            if answer.status == 416 {
                throw .malformed(
                    "\(what) is shorter than the \(facts.size) bytes that were promised")
            }
            try request.check(answer, what)
            // A server that does not know of ranges begins at the beginning.
            if answer.status != 206 && count > 0 { try cut(descriptor, path, &count) }
        } take: { piece throws(HubError) in
            guard count + piece.count <= facts.size else {
                throw .malformed(
                    "\(what) is longer than the \(facts.size) bytes that were promised")
            }
            try write(piece, descriptor, path)
            count += piece.count
            progress(count)
            return true
        }
    }

    private func cut(_ descriptor: Int32, _ path: String, _ size: inout Int) throws(HubError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw failure(path)
        }
        size = 0
    }

    private func write(_ piece: Data, _ descriptor: Int32, _ path: String) throws(HubError) {
        let isWhole = piece.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let part = UnsafeRawBufferPointer(rebasing: bytes[start...])
                let count = Glibc.write(descriptor, part.baseAddress, part.count)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { return false }
                start += count
            }
            return true
        }
        if !isWhole { throw failure(path) }
    }

    /// Whether the file has the digest that the hub promised; a tag that is none says nothing.
    private func isRight(_ path: String) throws(HubError) -> Bool {
        switch facts.tag.count {
        case 64:
            var digest = SHA256()
            try read(path) { digest.update(data: $0) }
            return hexadecimal(digest.finalize()) == facts.tag.lowercased()
        case 40:
            var digest = Insecure.SHA1()
            digest.update(data: Data("blob \(facts.size)\0".utf8))
            try read(path) { digest.update(data: $0) }
            return hexadecimal(digest.finalize()) == facts.tag.lowercased()
        default: return true
        }
    }

    private func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func read(_ path: String, _ take: (Data) -> Void) throws(HubError) {
        do {
            let file = try FileHandle(forReadingFrom: URL(filePath: path))
            defer { try? file.close() }
            while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { take(piece) }
        } catch {
            throw .unwritable(path, reason: error.localizedDescription)
        }
    }

    private func failure(_ path: String) -> HubError {
        .unwritable(path, reason: String(cString: strerror(errno)))
    }
}
