import NetworkIO
import Tokens

/// How clients of `/ws` are asked for tokens: JWT_SECRET, JWT_PUBLIC_KEY_FILE, JWT_AUDIENCE and JWT_ISSUER.
package struct TokenSettings: Sendable {
    /// There is one of these two, or both.
    package let secret: TokenSecret?
    package let keyFile: String?
    package let audience: String?
    package let issuer: String?

    /// The verifier of these settings: reads the key file.
    package func verifier() throws(ConfigurationError) -> TokenVerifier {
        var keys = TokenKeys()
        if let secret { keys.add(secret) }
        if let keyFile {
            guard let text = FileReader().text(of: keyFile) else { throw bad(keyFile, "it can't be read") }
            do throws(KeyFile.Fault) { try KeyFile.add(Array(text.utf8), to: &keys) } catch {
                throw bad(keyFile, "\(error)")
            }
        }
        return TokenVerifier(keys: keys, audience: audience, issuer: issuer)
    }

    private func bad(_ path: String, _ fault: String) -> ConfigurationError {
        ConfigurationError(
            variable: Setting.jwtPublicKeyFile.name,
            "JWT_PUBLIC_KEY_FILE is \(ConfigurationError.quoted(path)), and \(fault); allowed is "
                + Setting.jwtPublicKeyFile.rule)
    }
}

extension SettingReader {
    /// The settings of tokens; nil when clients need none.
    func tokenSettings() throws(ConfigurationError) -> TokenSettings? {
        let secret = try optionalValue(.jwtSecret) { TokenSecret($0) }
        let keyFile = try optionalValue(.jwtPublicKeyFile) { $0.utf8.contains(0) ? nil : $0 }
        let audience = try optionalValue(.jwtAudience) { $0 }
        let issuer = try optionalValue(.jwtIssuer) { $0 }
        if secret == nil, keyFile == nil {
            for (setting, value) in [(Setting.jwtAudience, audience), (.jwtIssuer, issuer)] where value != nil {
                throw bad(
                    setting, fault: "neither JWT_SECRET nor JWT_PUBLIC_KEY_FILE is set", allowed: "one of the two")
            }
            return nil
        }
        return TokenSettings(secret: secret, keyFile: keyFile, audience: audience, issuer: issuer)
    }
}
