/// How far a run is, on standard output: one bar where it is a terminal, else a line a report.
package final class ProgressDisplay {
    private let total: Int
    private let isTerminal: Bool
    private let width: Int
    private let show: (String) -> Void
    private let started = ContinuousClock.now
    private var firstStep: Int?
    private var lastDrawn: ContinuousClock.Instant?
    private var barIsShown = false

    /// A display of a run of `total` steps.
    package init(
        total: Int, isTerminal: Bool = Console.isTerminal, width: Int = Console.width,
        show: @escaping (String) -> Void = Console.write
    ) {
        self.total = total
        self.isTerminal = isTerminal
        self.width = width
        self.show = show
    }

    /// Draws the bar after a step, at most ten times a second.
    package func advance(step: Int, loss: Double, pace: Pace) {
        let first = firstStep ?? step - 1
        firstStep = first
        guard isTerminal else { return }
        let now = ContinuousClock.now
        if let lastDrawn, step < total, now - lastDrawn < .milliseconds(100) { return }
        lastDrawn = now
        let perStep = (now - started) / .seconds(1) / Double(step - first)
        let text =
            "\(step)/\(total)  loss \(ProgressDisplay.rounded(loss))  "
            + "\(pace.words)  "
            + "\(ProgressDisplay.clock(perStep * Double(total - step))) left"
        // Wide enough texts to come take no more room than is left here.
        let room = max(0, min(30, width - 60))
        let filled = total == 0 ? room : room * step / total
        let bar =
            String(repeating: "#", count: filled) + String(repeating: "-", count: room - filled)
        let line = room == 0 ? text : "[\(bar)] \(text)"
        // A line that fills the terminal or more would scroll it.
        show("\r\(line.prefix(max(0, width - 1)))\u{1b}[K")
        barIsShown = true
    }

    /// Writes a line a report where there is no bar.
    package func report(
        step: Int, loss: Double, learningRate: Double, pace: Pace
    ) {
        guard !isTerminal else { return }
        show(
            "step \(step)/\(total)  loss \(ProgressDisplay.rounded(loss))  "
                + "learning rate \(ProgressDisplay.rounded(learningRate))  "
                + "\(pace.words)\n")
    }

    /// Writes a line that stays, above the bar where there is one.
    package func note(_ text: String) {
        show(barIsShown ? "\r\u{1b}[K\(text)\n" : text + "\n")
        barIsShown = false
    }

    /// Ends the bar's line.
    package func finish() {
        if barIsShown { show("\n") }
        barIsShown = false
    }

    /// A number with four significant digits.
    package static func rounded(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return "\(value)" }
        var scale = 1.0
        var magnitude = abs(value)
        while magnitude < 1000, scale < 1e12 {
            magnitude *= 10
            scale *= 10
        }
        return "\((value * scale).rounded() / scale)"
    }

    /// Seconds as `4:07` or `1:02:09`.
    package static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "--:--" }
        let whole = Int(max(0, seconds).rounded())
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        let tail = (rest < 10 ? "0" : "") + "\(rest)"
        guard hours > 0 else { return "\(minutes):\(tail)" }
        return "\(hours):" + (minutes < 10 ? "0" : "") + "\(minutes):\(tail)"
    }
}
