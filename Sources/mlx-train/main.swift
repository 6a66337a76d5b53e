import MLXTrain

Console.holdStreams()
if CommandLine.arguments.dropFirst().first == "doctor" {
    DoctorCommand.run(Array(CommandLine.arguments.dropFirst(2)))
}
if CommandLine.arguments.dropFirst().first == "bench-collectives" {
    Launch.benchCollectives(Array(CommandLine.arguments.dropFirst(2)))
}
if CommandLine.arguments.dropFirst().first == "checkpoints" {
    Launch.runCheckpoints(Array(CommandLine.arguments.dropFirst(2)))
}
let command: TrainCommand
do {
    command = try TrainCommand.parse()
} catch {
    Launch.end(error)
}
Launch(command: command).run()
