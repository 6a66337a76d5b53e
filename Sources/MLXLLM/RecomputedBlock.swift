import MLX
import MLXNN

/// What a block makes of `x`; where it is trained and `isAsked`, only `x` and its parameters are kept
/// for the gradient.
func recomputed<Block: Module>(
    _ block: Block, _ isAsked: Bool, _ x: MLXArray,
    _ call: @escaping (Block, MLXArray) -> MLXArray
) -> MLXArray {
    guard isAsked, block.training else { return call(block, x) }
    return checkpoint(block) { block, inputs in [call(block, inputs[0])] }([x])[0]
}
