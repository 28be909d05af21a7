import ArgumentParser
import Gateway
import NetworkIO
import RedisLink

extension Configuration {
    /// The configuration of the environment and `.env`. Writes to standard error what is wrong with it.
    /// - Throws: the exit code, when it is wrong.
    static func ofProcess() throws -> Configuration {
        do throws(ConfigurationError) { return try loaded() } catch { throw error.reported() }
    }

    /// The same without a word.
    static func loaded() throws(ConfigurationError) -> Configuration {
        try load(
            environment: ProcessEnvironment.variables, dotEnv: try DotEnvFile.read(),
            isFileReadableByOthers: DotEnvFile.isReadableByOthers(), cores: ProcessLimits.processors())
    }

    /// The same, for a command that needs REDIS_URL.
    static func redisOfProcess() throws -> RedisOptions {
        if let options = try ofProcess().redis { return options }
        Output.errorLine("sluice: REDIS_URL is not set; it is to be \(RedisURL.rule)")
        throw ExitCode(ConfigurationError.exitStatus)
    }

    /// The variables of the environment, and those of `.env` that it does not have; an empty one counts as not there.
    static func variablesOfProcess() throws -> [String: String] {
        do throws(ConfigurationError) {
            let file = try DotEnvFile.read().map { text throws(ConfigurationError) in try DotEnv(parsing: text) }
            return (file?.entries ?? [:]).mapValues(\.value)
                .merging(ProcessEnvironment.variables) { $1.isEmpty ? $0 : $1 }
                .filter { !$0.value.isEmpty }
        } catch {
            throw error.reported()
        }
    }
}

extension ConfigurationError {
    /// Writes the error's line to standard error; the exit code for it.
    func reported() -> ExitCode {
        Output.errorLine("sluice: \(self)")
        return ExitCode(Self.exitStatus)
    }
}
