import CSystem

extension Trace {
    /// How many transforms are at work, how many of them write the graph down, and where the
    /// innermost of these keeps calls with an effect.
    typealias Depth = cs_trace_depth
}

extension Trace.Depth {
    /// The calling thread's: a transform runs its function there, from its beginning to its end.
    static var ofThread: Self {
        get { cs_trace_depth_of_thread().pointee }
        _modify { yield &cs_trace_depth_of_thread().pointee }
    }
}
