/// The files that `scripts/fetch-data.sh` fetches.
package enum FetchedFiles {
    private static let names = ["mnist", "smollm2", "sayings", "sayings-chat"]

    /// The command that fetches a missing file, where the script knows it: data/NAME/….
    package static func command(for path: String) -> String? {
        let folders = path.split(separator: "/").dropLast()
        guard let name = folders.last, names.contains(String(name)),
            folders.dropLast().last == "data"
        else { return nil }
        return "scripts/fetch-data.sh \(name)"
    }
}
