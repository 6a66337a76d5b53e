import Foundation
import MLX

/// A file in memory pages of its own, of which arrays take parts without a copy.
///
/// The file itself must not be written or cut meanwhile; another file may take its name.
struct MappedFile: Sendable {
    let url: URL
    let data: Data

    init(url: URL) throws(LanguageModelError) {
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw .missing("\(url.path) is missing")
        }
        guard let data = try? Data(contentsOf: url, options: .alwaysMapped) else {
            throw .missing("\(url.path) can't be read")
        }
        (self.url, self.data) = (url, data)
    }

    /// The row-major array at a place in the file.
    func array(_ range: Range<Int>, _ shape: [Int], _ dtype: DType) -> MLXArray {
        data.withUnsafeBytes { bytes in
            let part = UnsafeRawBufferPointer(rebasing: bytes[range])
            guard let base = part.baseAddress, Int(bitPattern: base) % dtype.size == 0 else {
                return MLXArray(Data(part), shape, dtype: dtype)
            }
            // Foreign memory is never written by an evaluation.
            return MLXArray(
                rawPointer: UnsafeMutableRawPointer(mutating: base), shape, dtype: dtype,
                finalizer: { withExtendedLifetime(data) {} })
        }
    }
}
