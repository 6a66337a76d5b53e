import MLXDistributed
import Testing

@Suite struct LaunchEnvironmentTests {
    private static let openMPI = [
        "OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4",
        "OMPI_COMM_WORLD_LOCAL_RANK": "0", "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "PMIX_RANK": "2",
    ]
    private static let slurm = [
        "SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1", "SLURM_STEP_ID": "0",
    ]

    @Test func `without a launcher there is none`() throws {
        #expect(try LaunchEnvironment.detect([:]) == nil)
        #expect(try LaunchEnvironment.detect(["RANK": "3", "HOME": "/root"]) == nil)
    }

    @Test func `mpirun is known by its own variables`() throws {
        let found = try #require(
            try LaunchEnvironment.detect(
                Self.openMPI.merging(["RANK": "0", "WORLD_SIZE": "1"]) { first, _ in first }))
        #expect(found.launcher == .openMPI && found.startsMPI)
        #expect((found.rank, found.size) == (2, 4))
        #expect((found.localRank, found.localSize) == (0, 2))
    }

    @Test func `srun with PMIx is PMIx with Slurm's numbers`() throws {
        let found = try #require(
            try LaunchEnvironment.detect(Self.slurm.merging(["PMIX_RANK": "3"]) { $1 }))
        #expect(found.launcher == .pmix && found.startsMPI)
        #expect((found.rank, found.size, found.localRank) == (3, 8, 1))
    }

    @Test func `PMI launchers are known`() throws {
        let found = try #require(
            try LaunchEnvironment.detect(["PMI_RANK": "1", "PMI_SIZE": "3"]))
        #expect(found.launcher == .pmi && found.rank == 1 && found.size == 3)
    }

    @Test func `plain srun counts the tasks of its step`() throws {
        let found = try #require(
            try LaunchEnvironment.detect(
                Self.slurm.merging(["SLURM_STEP_NUM_TASKS": "5"]) { $1 }))
        #expect(found.launcher == .slurm && found.size == 5)
    }

    @Test(arguments: [nil, "4294967290", "4294967291"])
    func `a batch script is not a job step`(step: String?) throws {
        var variables = Self.slurm
        variables["SLURM_STEP_ID"] = step
        #expect(try LaunchEnvironment.detect(variables) == nil)
    }

    @Test func `RANK and WORLD_SIZE do not start MPI`() throws {
        let found = try #require(
            try LaunchEnvironment.detect([
                "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2",
            ]))
        #expect(found.launcher == .environment && !found.startsMPI)
        #expect((found.localRank, found.localSize) == (1, 2))
    }

    @Test(arguments: ["x", "", "-1", "1.5"])
    func `a variable that is no number is named`(value: String) {
        let error = #expect(throws: DistributedError.self) {
            try LaunchEnvironment.detect(["RANK": value, "WORLD_SIZE": "2"])
        }
        #expect(
            error
                == .invalidEnvironment(
                    variable: "RANK", value: value, reason: "expected a number from 0"))
        #expect(error?.exitStatus == 64)
    }

    @Test func `a rank outside the world is refused`() {
        #expect(throws: DistributedError.self) {
            try LaunchEnvironment.detect(["RANK": "2", "WORLD_SIZE": "2"])
        }
    }

    @Test func `singletons under srun are refused with the fix`() throws {
        let found = try #require(try LaunchEnvironment.detect(Self.slurm))
        try found.checkWorldSize(8)
        let error = #expect(throws: DistributedError.self) { try found.checkWorldSize(1) }
        #expect(error == .worldSizeMismatch(launcher: "slurm", launched: 8, connected: 1))
        #expect(error?.exitStatus == 64)
        #expect(error?.description.contains("srun --mpi=pmix") == true)
    }

    @Test func `a launcher that does not say its size is believed`() throws {
        let found = try #require(try LaunchEnvironment.detect(["PMIX_RANK": "0"]))
        try found.checkWorldSize(7)
    }
}
