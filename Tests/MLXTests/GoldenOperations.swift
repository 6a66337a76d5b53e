import MLX

/// The functions of the calls that `scripts/golden_operations.py` lists, by the same names.
///
/// A name opens with that of the public function; what follows it tells the call apart.
enum GoldenOperations {
    typealias Function = @Sendable ([MLXArray]) -> [MLXArray]
    typealias Unary = [String: @Sendable (MLXArray) -> MLXArray]
    typealias Binary = [String: @Sendable (MLXArray, MLXArray) -> MLXArray]
    typealias Several = [String: Function]

    static let families: [String: Several] = [
        "unary": functions(unary),
        "binary": functions(binary).adding(functions(clipped)).adding(selections),
        "reduction": functions(reductions),
        "scan": functions(scans).adding(functions(sortings)),
        "shape": functions(shapes).adding(shapesOfSeveral).adding(functions(casts)),
        "creation": functions(creations),
        "contraction": functions(contractions).adding(contractionsOfSeveral),
        "special": functions(decompositions).adding(decompositionsOfSeveral)
            .adding(functions(norms)).adding(functions(transforms)).adding(fast),
    ]

    private static func functions(_ table: Unary) -> Several {
        table.mapValues { function in { [function($0[0])] } }
    }

    private static func functions(_ table: Binary) -> Several {
        table.mapValues { function in { [function($0[0], $0[1])] } }
    }

    private static let unary: Unary = [
        "abs": { abs($0) }, "acos": { acos($0) }, "acosh": { acosh($0) }, "asin": { asin($0) },
        "asinh": { asinh($0) }, "atan": { atan($0) }, "atanh": { atanh($0) },
        "ceil": { ceil($0) }, "conjugate": { conjugate($0) }, "cos": { cos($0) },
        "cosh": { cosh($0) }, "degrees": { degrees($0) }, "erf": { erf($0) },
        "erfInverse": { erfInverse($0) }, "exp": { exp($0) }, "expm1": { expm1($0) },
        "floor": { floor($0) }, "isFinite": { isFinite($0) }, "isInf": { isInf($0) },
        "isNaN": { isNaN($0) }, "isNegInf": { isNegInf($0) }, "isPosInf": { isPosInf($0) },
        "log": { log($0) }, "log10": { log10($0) }, "log1p": { log1p($0) }, "log2": { log2($0) },
        "logicalNot": { logicalNot($0) }, "negative": { negative($0) },
        "radians": { radians($0) }, "reciprocal": { reciprocal($0) }, "round": { round($0) },
        "round(decimals: 1)": { round($0, decimals: 1) },
        "round(decimals: -1)": { round($0, decimals: -1) }, "rsqrt": { rsqrt($0) },
        "sigmoid": { sigmoid($0) }, "sign": { sign($0) }, "sin": { sin($0) },
        "sinh": { sinh($0) }, "sqrt": { sqrt($0) }, "square": { square($0) },
        "tan": { tan($0) }, "tanh": { tanh($0) }, "bitwiseInvert": { bitwiseInvert($0) },
        "stopGradient": { stopGradient($0) }, "nanToNum": { nanToNum($0) },
        "realPart": { $0.realPart() }, "imaginaryPart": { $0.imaginaryPart() },
    ]

    private static let binary: Binary = [
        "add": { add($0, $1) }, "subtract": { subtract($0, $1) },
        "multiply": { multiply($0, $1) }, "divide": { divide($0, $1) },
        "floorDivide": { floorDivide($0, $1) }, "remainder": { remainder($0, $1) },
        "maximum": { maximum($0, $1) }, "minimum": { minimum($0, $1) },
        "atan2": { atan2($0, $1) }, "logAddExp": { logAddExp($0, $1) },
        "bitwiseAnd": { bitwiseAnd($0, $1) }, "bitwiseOr": { bitwiseOr($0, $1) },
        "bitwiseXOr": { bitwiseXOr($0, $1) }, "equal": { equal($0, $1) },
        "notEqual": { notEqual($0, $1) }, "less": { less($0, $1) },
        "lessEqual": { lessEqual($0, $1) }, "greater": { greater($0, $1) },
        "greaterEqual": { greaterEqual($0, $1) }, "logicalAnd": { logicalAnd($0, $1) },
        "logicalOr": { logicalOr($0, $1) }, "isClose": { isClose($0, $1) },
        "leftShift": { leftShift($0, $1) }, "rightShift": { rightShift($0, $1) },
        "pow": { pow($0, $1) }, "allClose": { allClose($0, $1) },
        "arrayEqual": { arrayEqual($0, $1) },
    ]

    private static let clipped: Unary = [
        "clip(min: -1, max: 2)": { clip($0, min: -1, max: 2) },
        "clip(min: 1)": { clip($0, min: 1) },
        "clip(max: 2)": { clip($0, max: 2) },
    ]

    private static let selections: Several = [
        "divmod": { inputs in
            let (quotient, rest) = divmod(inputs[0], inputs[1])
            return [quotient, rest]
        },
        "which": { [which($0[0], $0[1], $0[2])] },
    ]

    private static let creations: Unary = [
        "zeros": { zeros([2, 3], dtype: $0.dtype) }, "ones": { ones([2, 3], dtype: $0.dtype) },
        "full": { full([2, 3], values: $0, dtype: $0.dtype) },
        "eye": { eye(3, m: 4, k: 1, dtype: $0.dtype) },
        "identity": { identity(3, dtype: $0.dtype) },
        "tri": { tri(3, m: 4, k: -1, dtype: $0.dtype) },
        "arange": { arange(1, 8, step: 2, dtype: $0.dtype) },
        "zeros(like:)": { zeros(like: $0) }, "ones(like:)": { ones(like: $0) },
        "linspace": { _ in linspace(Float(-1), 2, count: 7) },
        "bartlett": { _ in bartlett(7) }, "bartlett(1)": { _ in bartlett(1) },
        "blackman": { _ in blackman(7) }, "blackman(1)": { _ in blackman(1) },
        "hamming": { _ in hamming(7) }, "hamming(1)": { _ in hamming(1) },
        "hanning": { _ in hanning(7) }, "hanning(1)": { _ in hanning(1) },
    ]
}

extension [String: GoldenOperations.Function] {
    fileprivate func adding(_ others: Self) -> Self { merging(others) { first, _ in first } }
}
