/// The shapes around a call when it was recorded, and when it is made again.
package struct ShapeChange {
    /// The call's inputs, then and now.
    let inputs: [(recorded: [Int], given: [Int])]
    /// The arguments of the whole function, then and now.
    let arguments: [(recorded: [Int], given: [Int])]
}

// The parameters that tell shapes, for inputs of other shapes. What can't be told is left as it is,
// and refused by the shape rules.
extension Reshape {
    /// Axes that go together follow each other: one or several that become one, and one that becomes
    /// several as an argument of the function has them.
    package func adapted(_ change: ShapeChange) -> Reshape {
        let (recorded, given) = change.inputs[0]
        if recorded == given || recorded.contains(0) { return self }
        var result = target
        var (inside, outside) = (
            recorded.indices.filter { recorded[$0] != 1 }[...],
            target.indices.filter { target[$0] != 1 }[...]
        )
        while !inside.isEmpty, !outside.isEmpty {
            var (ins, outs) = ([inside.removeFirst()], [outside.removeFirst()])
            while case (let a, let b) = (product(recorded, ins), product(target, outs)), a != b {
                if a < b {
                    guard let next = inside.popFirst() else { return self }
                    ins.append(next)
                } else {
                    guard let next = outside.popFirst() else { return self }
                    outs.append(next)
                }
            }
            let sizes = outs.map { target[$0] }
            let count = product(given, ins)
            if product(recorded, ins) == count, outs.count > 1 { continue }
            let split = outs.count == 1 ? [count] : change.sizes(like: sizes, count: count)
            guard let split else { return self }
            for (axis, size) in zip(outs, split) { result[axis] = size }
        }
        return Reshape(target: result)
    }

    private func product(_ shape: [Int], _ axes: [Int]) -> Int {
        axes.reduce(1) { $0 * shape[$1] }
    }
}

extension ShapeChange {
    /// What has become of neighbouring sizes in an argument, if they are now `count` elements.
    fileprivate func sizes(like sizes: [Int], count: Int) -> [Int]? {
        for (recorded, given) in arguments where recorded.count >= sizes.count {
            for start in 0...recorded.count - sizes.count {
                let part = start..<start + sizes.count
                if Array(recorded[part]) == sizes, given[part].reduce(1, *) == count {
                    return Array(given[part])
                }
            }
        }
        return nil
    }
}

extension Broadcast {
    /// Axes that are not stretched follow the input.
    package func adapted(_ change: ShapeChange) -> Broadcast {
        let (recorded, given) = change.inputs[0]
        let added = target.count - recorded.count
        var result = target
        for axis in recorded.indices where recorded[axis] == target[axis + added] {
            result[axis + added] = given[axis]
        }
        return Broadcast(target: result)
    }
}

extension Slice {
    /// Axes that are taken whole, or from somewhere to the end, follow the input.
    package func adapted(_ change: ShapeChange) -> Slice {
        let (recorded, given) = change.inputs[0]
        var (starts, sizes) = (starts, sizes)
        for axis in recorded.indices where sizes[axis] > 0 {
            switch steps[axis] {
            case 1 where starts[axis] + sizes[axis] == recorded[axis]:
                sizes[axis] = given[axis] - starts[axis]
            case -1 where starts[axis] == recorded[axis] - 1 && sizes[axis] == recorded[axis]:
                (starts[axis], sizes[axis]) = (given[axis] - 1, given[axis])
            default: break
            }
        }
        return Slice(starts: starts, steps: steps, sizes: sizes)
    }
}
