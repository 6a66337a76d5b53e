import CSystem
import Glibc
import MLXDistributed

/// What ties a rank to the launcher that started it.
package enum ParentProcess {
    /// Ends this process when mpirun or its daemon on this node is killed, so that no rank lives
    /// on to hold the output folder; without Open MPI's launcher nothing changes.
    package static func endWithLauncher() {
        let environment = try? LaunchEnvironment.current()
        guard environment?.launcher == .openMPI else { return }
        _ = cs_set_parent_death_signal(SIGKILL)
    }
}
