import Foundation
import Testing

extension LaunchTests {
    @Suite("Data that are wrong are refused in one line:")
    struct BadData {
        @Test func `a row that is too short`() throws {
            try expect(points: TinyJob.points + ["1,in"], "points.csv:21", "3", "2")
        }

        @Test func `a field that is no number`() throws {
            var points = TinyJob.points
            points[6] = "6,1.5x,in"
            try expect(points: points, "points.csv:7", "field 2", "1.5x")
            points[6] = "6,nan,in"
            try expect(points: points, "points.csv:7", "field 2", "nan")
        }

        @Test func `a label that the job does not list`() throws {
            var points = TinyJob.points
            points[11] = "6,1,aside"
            try expect(points: points, "points.csv:12", "aside", "\"in\"", "\"out\"")
        }

        @Test func `a file without a row`() throws {
            try expect(points: [], "points.csv", "no samples")
            try expect(points: ["", ""], "points.csv", "no samples")
        }

        @Test func `a file that is missing`() throws {
            let job = try TinyJob()
            try job.replace("points.csv", by: "other.csv")
            try job.run().expectRefusal(66, job.folder / "other.csv", "no such file")
            try job.run(ranks: 2).expectRefusal(66, "other.csv", ranks: 2)
            job.expectNothingWritten()
        }

        @Test func `a compressed file that is cut off`() throws {
            let job = try TinyJob()
            let whole = try Disk.bytes("\(TrainCommand.package)/configs/data/digits.csv.gz")
            let path = job.folder / "cut.csv.gz"
            try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
            try job.run("--set", "data.path=cut.csv.gz", "--set", "data.classes=null")
                .expectRefusal(65, path, "truncated")
            job.expectNothingWritten()
        }

        @Test func `any of these once on two processes, and an older run stays as it was`() throws {
            let job = try TinyJob()
            try job.run().expectSuccess()
            let before = Disk.snapshot(job.output)
            try job.write(points: TinyJob.points + ["1,2,aside"])
            try job.run(ranks: 2).expectRefusal(65, "points.csv:21", "aside", ranks: 2)
            try job.run().expectRefusal(65, "points.csv:21", "aside")
            #expect(Disk.snapshot(job.output) == before)
        }

        private func expect(points: [String], _ words: String...) throws {
            let job = try TinyJob()
            try job.write(points: points)
            let outcome = try job.run()
            outcome.expectRefusal(65)
            for word in words {
                #expect(outcome.errors.contains(word), "\(word): \(outcome.errors)")
            }
            job.expectNothingWritten()
        }
    }
}
