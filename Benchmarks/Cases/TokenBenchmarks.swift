import Tokens

/// The whole check of a token, by algorithm. The keys and tokens were made for this and are used nowhere else.
enum TokenBenchmarks {
    static let all = [
        verify("hs256", hs256Token), verify("rs256", rs256Token), verify("es256", es256Token),
        verify("eddsa", eddsaToken),
    ]

    /// Before the end of the tokens, Unix milliseconds.
    private static let now = 1_800_000_000_000

    private static func verify(_ name: String, _ token: String) -> Benchmark {
        Benchmark(
            name: "token-verify/\(name)", operation: "token of \(token.utf8.count) bytes", warmUp: 100, counted: 1000,
            // Those that OpenSSL makes are a matter of its version.
            counts: .none
        ) {
            var keys = TokenKeys()
            if let secret = TokenSecret("a secret of thirty-two bytes, or more") { keys.add(secret) }
            try KeyFile.add(Array(publicKeys.utf8), to: &keys)
            let verifier = TokenVerifier(keys: keys)
            let bytes = Array(token.utf8)
            return { operations in
                var work = Benchmark.Work()
                for _ in 0..<operations {
                    _ = try verifier.verify(bytes, at: now)
                    work.bytes += bytes.count
                }
                return work
            }
        }
    }

    private static let publicKeys = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA33KB73sHGpv8b3VCM3AG
        lDuM0oonxD/RU9i7+i7fdOyjomBspV9q2Cy/GNzKAhoYF/CYCzzSmlb8lG1DtU7f
        qQnbT5Du5Kq6e8HEdCoGrp7o/m3xoyau3m8xP3hZm8xOOWugIof6qmIGlRj7V/RU
        YCSjETwnUPTx2H05Vwy+9R/S6BANf8If7XrbtLzQjtWWfx+MRQAMFN4QiRLi6zXb
        GrPNJZppj2pThtfRhwPTz4NntZq9GMPdBxLUUKiL5eBHtIahILmjwT9Tdus1LoRU
        WBud1hubr/0v4XEMZHb8Qk2vwlwRNu6XCRclkG/Yv3x1KXRk8oinAGC5TGSZceAI
        lQIDAQAB
        -----END PUBLIC KEY-----
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGq+Ka2z/WRCZdjOXjVYB2JJhMCEb
        p3ieQDVvh0dsNE5mS/sulEiao7ug05gv7K+fbmVZPTysgmqzcssRnRE6+g==
        -----END PUBLIC KEY-----
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEARCs3Ufk89DAASaMPrLD3kgTY2pHs5Tqlf/oahCpIHeI=
        -----END PUBLIC KEY-----
        """

    private static let hs256Token = """
        eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAiYW5uIiwgImV4cCI6IDQwMDAwMDAwMDAsICJyb29tcyI6IFs\
        ibG9iYnkiLCAidGVhbS0qIl19.24WLaptfCkCKiSmikIbrfPC1tI5OPBkOWWiLfXr-QIA
        """

    private static let rs256Token = """
        eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAiYW5uIiwgImV4cCI6IDQwMDAwMDAwMDAsICJyb29tcyI6IFs\
        ibG9iYnkiLCAidGVhbS0qIl19.X48txW9rFMSHwO0vVnHAE9bJI4fq5dynxtnyM3XOu5nxlib58oMlh58Li7VzG62-TONw1gDrj7\
        nFvV62zDrBfcAdWMweqaSv7LS0KA-eiePJnAUQwcGzJAig5Q-sElnQsslwB2o0t2Zsemc23NXGGjKX7ofudtO2x9LuTLr6ZN62TV\
        sgfXtXzMbx07UYnvmfdbqrIAkpDV_ySSNZ11UAumUoBE14lKxsT4OEB2QSnHxZrSa647Tkv3sT07KR7JKe_prn7ChR1b5BvUyWlh\
        ENaFt96MydypFy1FXSt0gBAlinzGfjxo3eMUV9H12pt397imc_0OyLcBgzRtKwYM7VYg
        """

    private static let es256Token = """
        eyJhbGciOiAiRVMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAiYW5uIiwgImV4cCI6IDQwMDAwMDAwMDAsICJyb29tcyI6IFs\
        ibG9iYnkiLCAidGVhbS0qIl19.DD5aeOZRUJ8raqL_t5nRZpkRKA3P4eLsWdu312purpN4XKMTOCCd5lXN8d1iDO5KGMwvbwH-Sp\
        PSFMpVwa1d9g
        """

    private static let eddsaToken = """
        eyJhbGciOiAiRWREU0EiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAiYW5uIiwgImV4cCI6IDQwMDAwMDAwMDAsICJyb29tcyI6IFs\
        ibG9iYnkiLCAidGVhbS0qIl19.1EgnwzLMAsMuhFbPy2ytBTjccpgW9jwLl8K_16okiohxgHmjK_qiIfwq7MMPjvYlcSxeQYtvSD\
        cNOFNuOzsXDQ
        """
}
