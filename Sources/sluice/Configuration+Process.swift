import ArgumentParser
import Gateway
import NetworkIO

extension Configuration {
    /// What the environment and `.env` say. When that is wrong, the person at the terminal is told and the exit code
    /// thrown.
    static func ofProcess() throws -> Configuration {
        do throws(ConfigurationError) {
            return try load(
                environment: ProcessEnvironment.variables, dotEnv: try DotEnvFile.read(),
                cores: ProcessLimits.processors())
        } catch {
            throw error.told()
        }
    }
}

extension ConfigurationError {
    /// Writes the error's line to standard error; the exit code for it.
    func told() -> ExitCode {
        Output.errorLine("sluice: \(self)")
        return ExitCode(Self.exitStatus)
    }
}
