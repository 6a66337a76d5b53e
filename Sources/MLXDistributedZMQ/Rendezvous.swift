import CZeroMQ
import Glibc
import MLXDistributed

/// The way of a rank from its launcher's variables to streams between all ranks.
struct Rendezvous {
    private let job: ZeroMQJob
    private let limits: ZeroMQLimits
    private let state: ControlState
    private let context: ZeroMQContext
    private let maximumBytes: Int
    private let onFailure: (@Sendable (DistributedError) -> Void)?
    /// Sockets that nobody owns yet.
    private var open: [ZeroMQSocket] = []
    private var hasThread = false

    init(
        _ job: ZeroMQJob, _ limits: ZeroMQLimits, _ state: ControlState,
        _ context: ZeroMQContext, maximumBytes: Int,
        onFailure: (@Sendable (DistributedError) -> Void)?
    ) {
        self.job = job
        self.limits = limits
        self.state = state
        self.context = context
        self.maximumBytes = maximumBytes
        self.onFailure = onFailure
    }

    mutating func run() throws(DistributedError) -> Mesh {
        let keys = try job.curveKeys()
        let authenticator = try keys.map { (keys) throws(DistributedError) in
            try Authenticator(allowing: keys.map(\.publicKey), in: context)
        }
        if let authenticator { open.append(authenticator.socket) }
        let master = try Addresses.resolve(job.master)
        let (inbox, endpoint) = try Mesh.inbox(
            try ownAddress(reaching: master), limits, context, keys: keys?[job.rank],
            maximumBytes: maximumBytes)
        open.append(inbox)
        let socket = try ZeroMQSocket(job.rank == 0 ? .router : .dealer, in: context)
        open.append(socket)
        try socket.set(ZMQ_IPV6, 1)
        try socket.set(ZMQ_MAXMSGSIZE, wide: Int64(ControlMessage.limit(size: job.size)))
        var stamp = JobStamp(
            job: job.stamp, epoch: UInt32(job.restart), session: .random(in: 1 ... .max))
        let side: any ControlSide =
            if job.rank == 0 {
                try hub(socket, keys, stamp, master, endpoint)
            } else {
                try link(socket, keys, stamp, master, endpoint)
            }
        try ControlThread(
            side, state, authenticator, limits: limits, onFailure: onFailure
        ).start()
        open = [inbox]
        hasThread = true
        let roster = try state.waitForRoster()
        stamp = JobStamp(job: stamp.job, epoch: stamp.epoch, session: roster.session)
        open = []
        return Mesh(
            job, stamp, roster, limits, state, context, keys: keys, inbox: inbox,
            maximumBytes: maximumBytes)
    }

    /// Tells the ranks that came that nothing comes of it, and closes what is open.
    func close(_ error: DistributedError) {
        if hasThread { state.end(.abort(status: error.exitStatus)) }
        for socket in open { socket.close() }
    }

    /// The address at which the others reach this rank.
    private func ownAddress(reaching master: String) throws(DistributedError) -> String {
        if job.isLocal { return "127.0.0.1" }
        if let interface = job.interface { return try Addresses.local(named: interface) }
        // Rank 0 is where the others look for it.
        if job.rank == 0 { return master }
        guard let address = Addresses.local(reaching: master, port: job.port) else {
            throw .rendezvousFailed(
                place: "\(master):\(job.port)",
                reason: "this host has no way there; check MASTER_ADDR and the network")
        }
        return address
    }

    private func hub(
        _ socket: ZeroMQSocket, _ keys: [CurveKeys]?, _ stamp: JobStamp, _ master: String,
        _ endpoint: String
    ) throws(DistributedError) -> ControlHub {
        try socket.set(ZMQ_ROUTER_MANDATORY, 1)
        try socket.set(ZMQ_BACKLOG, Int32(max(100, job.size)))
        try keys?[0].serve(socket)
        do throws(DistributedError) {
            _ = try socket.bind(Addresses.endpoint(master, port: job.port))
        } catch {
            throw .rendezvousFailed(
                place: "\(master):\(job.port)",
                reason: "rank 0 cannot listen there: \(error); choose another MASTER_PORT, name an "
                    + "address of rank 0's host in MASTER_ADDR, and give one process alone RANK=0")
        }
        return ControlHub(job, stamp, limits, state, socket: socket, endpoint: endpoint)
    }

    private func link(
        _ socket: ZeroMQSocket, _ keys: [CurveKeys]?, _ stamp: JobStamp, _ master: String,
        _ endpoint: String
    ) throws(DistributedError) -> ControlLink {
        let name = "\(job.rank)-\(String(stamp.session, radix: 16))"
        try socket.set(ZMQ_ROUTING_ID, bytes: Array(name.utf8))
        try socket.set(ZMQ_CONNECT_TIMEOUT, 5000)
        if let keys { try keys[job.rank].connect(socket, to: keys[0].publicKey) }
        // ZMQ_IMMEDIATE would throw away what rank 0 sent and this rank has not read when the
        // connection ends, such as why.
        let watcher = try ConnectionWatcher(socket, name: "watch-\(name)", in: context)
        try socket.connect(Addresses.endpoint(master, port: job.port))
        return ControlLink(
            job, stamp, limits, state, socket: socket, watcher: watcher, endpoint: endpoint,
            process: Self.process)
    }

    /// This process in words.
    private static var process: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host = String(
            decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return "process \(getpid()) on \(host)"
    }
}
