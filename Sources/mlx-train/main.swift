import ArgumentParser
import Glibc
import MLXTrain

let command: TrainCommand
do {
    command = try TrainCommand.parse()
} catch {
    // Help, version or wrong usage, the same on every rank: rank 0 tells.
    if Launch.isFirstRank { TrainCommand.exit(withError: error) }
    exit(0)
}
Launch(command: command).run()
