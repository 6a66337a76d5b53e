import Glibc

/// Everything that a launch was asked for.
package struct LaunchPlan: Sendable {
    /// How the ranks find each other, and so who starts them.
    package enum Transport: String, Sendable, CaseIterable {
        /// MPI where mpirun is installed, else ZeroMQ.
        case auto
        /// Open MPI's mpirun starts the ranks.
        case mpi
        /// The launcher starts the ranks, which connect as RANK, WORLD_SIZE and MASTER_ADDR tell.
        case zmq
    }

    package var places: RankPlaces
    package var transport: Transport
    /// The program of the ranks and its arguments.
    package var command: [String]
    package var maxRestarts = 0
    /// The folder of `rank-N.log`; nil for no logs.
    package var logFolder: String?
    /// The command that reaches a host; its name and a command for it are added.
    package var ssh: [String] = ["ssh"]
    /// Variables handed to the ranks of other hosts: `NAME`, or `NAME=value`.
    package var exports: [String] = []
    /// The interface, address or network that the hosts share.
    package var interface: String?
    /// The address of rank 0's host, where the launcher cannot know it.
    package var masterAddress: String?

    package init(places: RankPlaces, transport: Transport, command: [String]) {
        self.places = places
        self.transport = transport
        self.command = command
    }

    /// Whether all ranks run on this machine.
    var isLocal: Bool { places.shares.allSatisfy(\.host.isLocal) }

    /// Whether mpirun is on the PATH.
    package static var hasMPI: Bool {
        (ownVariable("PATH") ?? "").split(separator: ":").contains {
            access("\($0)/mpirun", X_OK) == 0
        }
    }
}
