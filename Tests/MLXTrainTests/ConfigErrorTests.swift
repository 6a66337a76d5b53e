import Foundation
import MLXTrain
import Testing

@Suite("A wrong job is refused with one line that names the place and the key")
struct ConfigErrorTests {
    @Test func `a negative learning rate is named with file, line and column`() {
        let json = TestJob.minimal.replacing("0.1", with: "-0.1")
        #expect(
            TestJob.refusal(json)
                == "job.json:4:50: optimizer.learning_rate must be greater than 0, got -0.1 [64]")
    }

    @Test func `an unknown key is named with the nearest one`() {
        let json = TestJob.minimal.replacing("learning_rate", with: "lerning_rate")
        #expect(
            TestJob.refusal(json)
                == "job.json:4:33: unknown key optimizer.lerning_rate;"
                + " did you mean optimizer.learning_rate? [64]")
    }

    @Test func `a key of another section is found there`() {
        #expect(
            TestJob.refusal(TestJob.minimal, ["clip_norm=1"])
                == "--set: unknown key clip_norm; did you mean optimizer.clip_norm? [64]")
    }

    @Test func `a key like no other lists the keys of its section`() {
        #expect(
            TestJob.refusal(TestJob.minimal, ["checkpoint.zzzzzzzz=1"])
                == "--set: unknown key checkpoint.zzzzzzzz;"
                + " the keys here are every_steps, keep_last, keep_every, keep_best, on_error [64]")
    }

    @Test func `a global batch that is no multiple names the two nearest`() {
        let json = TestJob.full.replacing(
            "\"micro_batch_size\": 16", with: "\"micro_batch_size\": 24")
        #expect(
            TestJob.refusal(json)
                == "job.json:8:52: training.global_batch_size 64 is not a multiple of"
                + " training.micro_batch_size 24; use 48 or 72 [64]")
        #expect(
            TestJob.refusal(TestJob.minimal, ["training.micro_batch_size=12"])?
                .hasSuffix("is not a multiple of training.micro_batch_size 12; use 12 [64]")
                == true)
    }

    @Test func `a key given twice is an error at the second`() {
        let json = "{\n \"seed\": 1,\n \"data\": { \"path\": \"a\",\n  \"path\": \"b\" } }"
        #expect(TestJob.refusal(json) == "job.json:4:3: data.path is given twice; keep one [64]")
    }

    @Test func `lenet on a table needs the shape of an image`() {
        #expect(
            TestJob.refusal(TestJob.minimal, ["model={\"type\":\"lenet\"}"])
                == "job.json:3:11: data.image is required: the model lenet needs the height,"
                + " width and channels of a sample [64]")
    }

    static let absent = [
        ("model", "the model to train"), ("data", "the samples to train on"),
        ("optimizer", "how weights are updated"), ("training", "batch size and steps or epochs"),
    ]

    @Test(arguments: absent)
    func `a section that a job needs is required`(section: String, what: String) {
        let json = TestJob.minimal.replacing("\"\(section)\"", with: "\"seed\": 1, \"x\"")
        let cut = json.split(separator: "\n").filter { !$0.contains("\"x\"") }
            .joined(separator: "\n").replacing("0.1 },\n}", with: "0.1 }\n}")
        #expect(TestJob.refusal(cut) == "job.json:1:1: \(section) is required: \(what) [64]")
    }

    /// An override of the smallest job, and what is said of it.
    static let overrides = [
        ("learning_rate=0.1", "unknown key learning_rate; did you mean optimizer.learning_rate?"),
        ("optimizer.learning_rate=\"0.1\"", "must be a number, got the string \"0.1\""),
        ("optimizer.learning_rate=fast", "must be a number, got the string \"fast\""),
        ("optimizer.learning_rate=0", "must be greater than 0, got 0"),
        ("optimizer.learning_rate=1e999", "must be a finite number, got 1e999"),
        ("optimizer.learning_rate=null", "must be a number, got null"),
        ("optimizer.momentum=1", "must be at least 0 and less than 1, got 1"),
        ("optimizer.nesterov=1", "must be true or false, got 1"),
        ("optimizer.nesterov=true", "needs optimizer.momentum greater than 0; remove it"),
        ("optimizer.betas=[0.9,0.9]", "applies only to adam and adamw; remove it"),
        ("optimizer.weight_decay=-1", "must be 0 or greater, got -1"),
        ("optimizer.clip_norm=0", "must be greater than 0, got 0"),
        ("optimizer.schedule={\"end\":1}", "applies only to the schedules cosine, linear and wsd"),
        ("optimizer.schedule.warmup_steps=-1", "must be 0 or greater, got -1"),
        ("optimizer.type=adm", "must be \"sgd\", \"adam\" or \"adamw\", got \"adm\"; did you mean"),
        ("optimizer=3", "optimizer must be an object, got 3"),
        ("optimizer.schedule=[]", "optimizer.schedule must be an object, got a list"),
        ("training.global_batch_size=1.5", "must be a whole number, got 1.5"),
        ("training.global_batch_size=0", "must be 1 or greater, got 0"),
        ("training.global_batch_size=2147483648", "must be 2147483647 or less, got 2147483648"),
        ("training.global_batch_size=true", "must be a whole number, got true"),
        ("training.global_batch_size=1e300", "must be a whole number, got 1e300"),
        ("training.epochs=null", "training.epochs is required: a whole number here or in"),
        ("training.epochs=0", "must be 1 or greater, got 0"),
        ("training.precision=float16", "must be \"float32\" or \"bfloat16\", got \"float16\""),
        ("model.hidden=[4,0]", "model.hidden[1] must be 1 or greater, got 0"),
        ("model.hidden=4", "model.hidden must be a list of whole numbers, got 4"),
        ("model.dropout=1", "must be at least 0 and less than 1, got 1"),
        (
            "model.type=resnet",
            "must be \"mlp\", \"lenet\", \"gpt\", \"llama\" or \"pretrained\", got \"resnet\""
        ),
        ("model.activation=gulu", "did you mean \"gelu\"?"),
        ("data.test_fraction=1", "must be at least 0 and less than 1, got 1"),
        ("data.scale=0", "must be greater than 0, got 0"),
        (
            "data.format=parquet",
            "must be \"csv\", \"mnist\", \"npy\", \"text\", \"tokens\" or \"jsonl\", got \"parquet\""
        ),
        ("data.path=\"\"", "must be the path of a file, got \"\""),
        ("data.images=x", "data.images applies only to the formats mnist and npy; remove it"),
        ("data.header=\"yes\"", "must be \"auto\", true or false, got the string \"yes\""),
        ("data.label_column=-1", "must be 0 or greater, got -1"),
        ("data.label_column=null", "must be \"first\", \"last\", the name of a column or an index"),
        ("data.classes=[\"a\"]", "must be two or more names, got [\"a\"]"),
        ("data.classes=[\"a\",\"a\"]", "data.classes[1] must be a name not yet in the list"),
        ("data.classes=[1,2]", "data.classes[0] must be a string, got 1"),
        ("data.image={\"height\":8}", "data.image.width is required: the columns of an image"),
        ("data.image={\"height\":8,\"widht\":8}", "did you mean data.image.width?"),
        (
            "distributed.transport=tcp",
            "must be \"auto\", \"mpi\", \"zmq\" or \"single\", got \"tcp\""
        ),
        ("distributed.encryption=yes", "must be \"auto\", \"on\" or \"off\", got \"yes\""),
        ("distributed.interface=7", "must be a string, got 7"),
        ("distributed.rendezvous_seconds=0", "must be greater than 0, got 0"),
        ("distributed.shared_memory=on", "must be \"auto\" or \"off\", got \"on\""),
        ("distributed.reduction=exact", "must be \"fast\" or \"tree\", got \"exact\""),
        ("distributed.timeout_seconds=0", "must be greater than 0, got 0"),
        ("distributed.bucket_megabytes=-4", "must be greater than 0, got -4"),
        ("checkpoint.keep_last=0", "must be 1 or greater, got 0"),
        ("checkpoint.keep_every=0", "must be 1 or greater, got 0"),
        ("checkpoint.keep_every=2", "checkpoint.keep_every needs checkpoint.every_steps"),
        ("checkpoint.keep_best=-1", "must be 0 or greater, got -1"),
        ("checkpoint.on_error=stop", "must be \"fail\" or \"warn\", got \"stop\""),
        ("training.on_nan=stop", "must be \"fail\", \"skip\" or \"rollback\""),
        ("training.on_nan=rollback", "training.on_nan \"rollback\" needs checkpoint.every_steps"),
        ("training.on_spike=rollback", "needs checkpoint.every_steps"),
        ("training.spike_z_score=0", "must be greater than 0, got 0"),
        ("training.spike_window=1", "must be 2 or greater, got 1"),
        ("training.max_seconds=0", "must be greater than 0, got 0"),
        ("training.final_weights=best", "needs checkpoint.keep_best of 1 or more"),
        ("evaluation.metric=f1", "must be \"loss\" or \"accuracy\", got \"f1\""),
        ("evaluation.patience=3", "evaluation.patience needs evaluation.every_steps"),
        ("evaluation.min_delta=-1", "must be 0 or greater, got -1"),
        ("metrics.every_steps=0", "must be 1 or greater, got 0"),
        ("evaluation.batch_size=null", "must be a whole number, got null"),
        ("seed=-1", "must be a whole number from 0 to 2^64 - 1, got -1"),
        ("seed=18446744073709551616", "must be a whole number from 0 to 2^64 - 1"),
        ("seed=0.5", "must be a whole number, got 0.5"),
        ("name=a/b", "must be a name for a folder, without /, got \"a/b\""),
        ("name=..", "must be a name for a folder"),
        ("name=7", "name must be a string, got 7"),
        ("task=regression", "must be \"classification\" or \"language_model\", got \"regression\""),
    ]

    @Test(arguments: overrides)
    func `each kind of wrong value is refused in words`(override: String, words: String) throws {
        let text = try #require(TestJob.refusal(TestJob.minimal, [override]))
        #expect(text.contains(words), "\(text)")
        #expect(text.hasSuffix("[64]"))
        #expect(!text.contains("\n"))
    }

    @Test func `keys of other kinds are refused together with the kind that has them`() {
        let adam = TestJob.refusal(TestJob.full, ["optimizer.type=adam"])
        #expect(adam?.contains("optimizer.weight_decay applies only to sgd and adamw") == true)
        let sgd = TestJob.refusal(
            TestJob.minimal, ["optimizer.type=adamw", "optimizer.momentum=0.9"])
        #expect(sgd?.contains("optimizer.momentum applies only to sgd") == true)
        let lenet = TestJob.refusal(TestJob.minimal, ["model.type=lenet"])
        #expect(lenet?.contains("model.hidden applies only to the model mlp") == true)
        let column = TestJob.refusal(
            TestJob.minimal, ["data.label_column=kind", "data.header=false"])
        #expect(column?.contains("an index where data.header is false") == true)
    }

    @Test func `test files and a test fraction do not go together`() {
        let data = "data={\"format\":\"mnist\",\"images\":\"i\",\"labels\":\"l\","
        let both = "\"test_images\":\"ti\",\"test_labels\":\"tl\",\"test_fraction\":0.1}"
        let text = TestJob.refusal(TestJob.minimal, [data + both])
        #expect(text?.contains("test_fraction has no meaning beside data.test_images") == true)
        let half = TestJob.refusal(TestJob.minimal, [data + "\"test_images\":\"ti\"}"])
        #expect(half?.contains("data.test_labels is required") == true)
    }

    @Test func `a missing file has the status 66`() {
        #expect {
            try TrainConfig.load(path: "/nowhere/job.json")
        } throws: { error in
            (error as? ConfigError) == .missingFile("/nowhere/job.json")
                && (error as? ConfigError)?.exitStatus == 66
                && "\(error)".hasPrefix("/nowhere/job.json: no such file")
        }
    }

    @Test func `a folder is not a job`() {
        #expect {
            try TrainConfig.load(path: "/tmp")
        } throws: { error in
            (error as? ConfigError)?.exitStatus == 66
                && "\(error)" == "/tmp: cannot be read: Is a directory"
        }
    }
}
