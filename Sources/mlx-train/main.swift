import MLXTrain

Console.holdStreams()
let command: TrainCommand
do {
    command = try TrainCommand.parse()
} catch {
    Launch.end(error)
}
Launch(command: command).run()
