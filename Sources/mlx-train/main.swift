import MLXTrain

Console.holdStreams()
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
