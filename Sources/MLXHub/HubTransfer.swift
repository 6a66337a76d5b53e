import Foundation
import FoundationNetworking
import Synchronization

/// The head of an answer.
struct HubAnswer: Sendable {
    let status: Int
    private let headers: [String: String]

    init(_ response: HTTPURLResponse) {
        status = response.statusCode
        var headers: [String: String] = [:]
        for case (let name as String, let value as String) in response.allHeaderFields {
            headers[name.lowercased()] = value
        }
        self.headers = headers
    }

    func header(_ name: String) -> String? { headers[name.lowercased()] }
}

/// One request and its answer, piece by piece.
final class HubTransfer: NSObject, URLSessionDataDelegate {
    /// Where references are followed to.
    enum Reach {
        case everywhere, withinHost
    }

    private struct State {
        var pieces: [Data] = []
        var bytes = 0
        var answer: HubAnswer?
        var failure: String?
        var isOver = false
    }

    private let request: URLRequest
    private let reach: Reach
    private let state = Mutex(State())
    private let news = DispatchSemaphore(value: 0)

    init(_ request: URLRequest, follows reach: Reach) {
        (self.request, self.reach) = (request, reach)
    }

    /// Runs to the end and hands each piece of a good answer over; `take` tells whether to go on.
    ///
    /// Throws ``HubError/unavailable(_:)`` where the connection fails.
    func run(_ take: (Data) throws(HubError) -> Bool) throws(HubError) -> HubAnswer {
        try run({ _ in }, take: take)
    }

    /// The same, with a look at the head before the first piece.
    func run(
        _ begin: (HubAnswer) throws(HubError) -> Void, take: (Data) throws(HubError) -> Bool
    ) throws(HubError) -> HubAnswer {
        let session = URLSession(configuration: .ephemeral, delegate: self, delegateQueue: nil)
        let task = session.dataTask(with: request)
        task.resume()
        defer {
            task.cancel()
            session.invalidateAndCancel()
        }
        var hasBegun = false
        while true {
            news.wait()
            let (pieces, answer, failure, isOver) = state.withLock { state in
                defer { state.pieces = [] }
                return (state.pieces, state.answer, state.failure, state.isOver)
            }
            if let answer, !hasBegun {
                hasBegun = true
                try begin(answer)
            }
            if let answer, (200..<300).contains(answer.status) {
                for piece in pieces where try !take(piece) { return answer }
            }
            guard isOver else { continue }
            guard let answer, failure == nil else {
                let host = request.url?.host ?? ""
                throw .unavailable("\(host) can't be reached: \(failure ?? "no answer")")
            }
            return answer
        }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
        completionHandler: @escaping (URLRequest?) -> Void
    ) {
        let old = self.request.url
        let isSame = old?.host == request.url?.host && old?.port == request.url?.port
        if !isSame && reach == .withinHost {
            completionHandler(nil)
            return
        }
        var request = request
        // What the user identifies with is not for others.
        if !isSame || request.url?.scheme != old?.scheme {
            request.setValue(nil, forHTTPHeaderField: "Authorization")
        }
        for name in ["Range", "Accept-Encoding"] {
            request.setValue(
                self.request.value(forHTTPHeaderField: name), forHTTPHeaderField: name)
        }
        completionHandler(request)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        if let response = response as? HTTPURLResponse {
            state.withLock { $0.answer = HubAnswer(response) }
            news.signal()
        }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        state.withLock { $0.pieces.append(data) }
        news.signal()
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
    ) {
        let last = (task.response as? HTTPURLResponse).map { HubAnswer($0) }
        state.withLock { state in
            state.answer = state.answer ?? last
            state.failure = error?.localizedDescription
            state.isOver = true
        }
        news.signal()
    }
}
