import CKernels

/// The work of a step of attention: the token is turned and joins the cache, then pieces of the keys
/// are seen, each a task of its own, and joined.
struct StepOfAttention {
    private let scale: Double
    private let position: Int
    private let token: [Tensor]
    private let angles: Tensor
    private let keys: Tensor  // [B, S, L, D]
    private let values: Tensor  // [B, S, L, E]
    private let attend: ck_attend_piece
    private let join: ck_attend_join
    private let rotate: ck_rotate

    /// The keys of a piece, which with their values stay in the first cache.
    private static let piece = 64

    init?(
        scale: Double, position: Int, token: [Tensor], angles: Tensor, keys: Tensor, values: Tensor
    ) {
        let code = token[0].dtype.code
        guard let attend = ck_attend_piece_of(keys.dtype.code), let join = ck_attend_join_of(code),
            let rotate = ck_rotate_rows(code)
        else { return nil }
        (self.scale, self.position, self.token, self.angles) = (scale, position, token, angles)
        (self.keys, self.values) = (keys, values)
        (self.attend, self.join, self.rotate) = (attend, join, rotate)
    }

    private var dtype: DType { token[0].dtype }
    private var batch: Int { keys.shape[0] }
    private var shared: Int { keys.shape[1] }
    private var places: Int { keys.shape[2] }
    private var depth: Int { keys.shape[3] }
    private var width: Int { values.shape[3] }
    private var heads: Int { token[0].shape[1] / depth }

    func run(into output: Tensor, on workers: Workers) {
        let queries = Tensor(Spec([batch, heads, depth], dtype))
        for sequence in 0..<batch { add(sequence, turning: queries) }
        let group = heads / shared
        let count = position + 1
        let pieces = (count + Self.piece - 1) / Self.piece
        let parts = Tensor(Spec([batch * shared, pieces, group, width], dtype))
        let states = Tensor(Spec([batch * shared, pieces, group, 2], dtype))
        let scores = Tensor(Spec([batch * shared, pieces, group, Self.piece], dtype))
        workers.run(batch * shared * pieces) { task in
            let (head, piece) = task.quotientAndRemainder(dividingBy: pieces)
            let first = head * places + piece * Self.piece
            let form = ck_attention_piece(
                keys: min(Self.piece, count - piece * Self.piece), heads: group, depth: depth,
                width: width, key_row: depth, value_row: width, scale: scale)
            attend(
                parts.address(at: task * group * width), states.address(at: task * group * 2),
                queries.address(at: head * group * depth), keys.address(at: first * depth),
                values.address(at: first * width), scores.address(at: task * group * Self.piece),
                form)
        }
        for head in 0..<batch * heads {
            let (owner, member) = head.quotientAndRemainder(dividingBy: group)
            let first = owner * pieces * group + member
            join(
                output.address(at: head * width), parts.address(at: first * width),
                states.address(at: first * 2), pieces, group * width, group * 2, width)
        }
    }

    /// Turns the queries of a sequence, and puts its turned key and its value into the cache.
    private func add(_ sequence: Int, turning queries: Tensor) {
        let (half, size) = (angles.shape[1], dtype.size)
        let byteCount = (3 * half + depth) * size
        withThreadMemory(byteCount) { turns in
            guard let scale = ck_scale_row(dtype.code), let cosine = ck_cos(dtype.code),
                let sine = ck_sin(dtype.code)
            else { return }
            let (cosines, sines) = (turns + half * size, turns + 2 * half * size)
            let turned = sines + half * size
            let row = angles.shape[0] == 1 ? 0 : sequence
            scale(turns, angles.address(at: row * half), Double(position), half)
            cosine(cosines, turns, half)
            sine(sines, turns, half)
            for head in 0..<heads {
                let place = (sequence * heads + head) * depth
                rotate(
                    queries.address(at: place), token[0].address(at: place), cosines, sines, 1,
                    depth, half, 0, 1)
            }
            for head in sequence * shared..<(sequence + 1) * shared {
                let place = head * places + position
                rotate(
                    turned, token[1].address(at: head * depth), cosines, sines, 1, depth, half, 0, 1
                )
                keep(turned, depth, at: keys.address(at: place * depth))
                keep(
                    token[2].address(at: head * width), width, at: values.address(at: place * width)
                )
            }
        }
    }

    /// Puts elements of the type computed in into the cache.
    private func keep(
        _ elements: UnsafeMutableRawPointer, _ count: Int, at place: UnsafeMutableRawPointer
    ) {
        if keys.dtype == dtype {
            place.copyMemory(from: elements, byteCount: count * dtype.size)
        } else {
            ck_keep_halves(place, elements.as(Float.self), count)
        }
    }
}
