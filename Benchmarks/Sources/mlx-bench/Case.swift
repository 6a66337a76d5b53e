/// Something to time.
struct Case {
    let name: String
    /// The unit of the value.
    let metric: String
    /// The value from the seconds of one call.
    let value: (Double) -> Double
    /// Makes what is needed, and gives a function that does the work once and waits for its end.
    let make: (Setting) throws -> () throws -> Void
}

/// What all cases of a run have in common.
struct Setting {
    let threads: Int
}
