/// How long ranks wait for each other, in seconds.
package struct ZeroMQLimits: Sendable {
    /// For all ranks to come at the start.
    package var rendezvousSeconds: Double
    /// For a sign of life, several of which a living process gives every second.
    package var silenceSeconds: Double
    /// For a piece of a collective from a rank that lives.
    package var stallSeconds: Double
    /// For the process to end by itself after a failure, before it is ended.
    package var graceSeconds: Double

    /// The limits where `silence` seconds without a sign of life count as a failure.
    ///
    /// A rank that lives may read data or write a checkpoint for longer.
    package init(
        rendezvous: Double = 60, silence: Double = 60, stall: Double? = nil, grace: Double = 3
    ) {
        rendezvousSeconds = rendezvous
        silenceSeconds = silence
        stallSeconds = stall ?? max(300, silence)
        graceSeconds = grace
    }
}
