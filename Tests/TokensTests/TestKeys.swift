import COpenSSL

@testable import Tokens

/// Keys that were made for these tests, and are used nowhere else.
enum TestKeys {
    static let rsa1Private = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCoRp3s6io3y1aQ
        o8VUy0BPAxMnxwaSEsOxjkDXZheFIV78Mx+Vacx4jketQ6nzzNxic7PleyewO4Jj
        SzW5ypqzanS5vk5wqDASg2+MEW3DUw4xOHhY9PYZOELCZy3D6YUDG6eePitPezud
        /dXVEg3V2ReB5nxpGvZXhyz3NYbSzBmD6RIBQy1hO9g/jZAERspdMs+3PcMEDX8p
        Q5HHLDgsaXyNhj+viqyxi38e3pkzpfbPwCLSWZV+hxvZFZz9GTQMjIUJVpP99jC3
        F3ixrKmFa7CCucNurvW7ldoGh7sx/4bjvg0eYQq3+PtpvKpSrGX789S9nnlRqyWo
        +RwlaRhVAgMBAAECggEAE1qH2FM4RtF+o8UKMY3s2AmI/vavhUZeNoIfaAaoZtnn
        NEdm9wbDiwwGJ2HUXqNtp28aPibzchvuC6B/Td6E+2Sfhythlyho2wA96JSqlJ/t
        TnDpuoV19oGXgAdg5prpfumD1jndPld0jF/A47AfYjyFLR4Gqgn9UiTMYaRI3N6H
        koH4Kg2PIpwBOFF5djHNVu32bU/BGx7CMBGSTfBRwr/eHnyc8xLUlHN+wkzZY7Uv
        EMCaKWAuoPI/Rq7KDIQm5h7Iio8U55+rmABN9icm2fiRci5G78GuM3eeYQMcW+q9
        SyJNzu3SwpLJ+Ajsh39cSpzblDaa2LJDv/plCk0vAQKBgQDjNOEwAcPArfElcWR4
        uqmO5roBM0UYPqorlapsLb3bPzMgW5J19FLMDZXo/mPUvujBejiJ72cZU0r0KWun
        acXsDj/gyttLogn/n9zbRRJcoM/EB4GQ77dZ5RrW1TcsEFnlZkfHJWJLBaChFk7b
        i4T/LlHaxcUA8/UniSFKqNFF1QKBgQC9meKNEk5S7u1N+UDsgThxwzgcb3w16Cd9
        QXLbeT8Ykpw8+HpnkgcrKfFeKXWQhhvjq8Y6lmptUo1NpI48t/trpVNlE8kGwGaw
        1rOlK1rfk8dU+oYwwz80jLwgMWq7fKHE0QJKNc1ktj/QEP/8CXiu9auu+Wwsbi3v
        yJX6uo1IgQKBgQCIbyaSJ10fBNR7wX2tqZlMAGzNb7Yb+vVAutzdnRIW5/qRgauP
        PSnC8p2Ejc3w4LrwA66T1bi5UnT97SmCHFgHif79w5Kv9hu+7oY2/WErUj2w3zkE
        iY42Ywcc3mgFA8SXpjWP9njxx+1PDhBIcZ1phq0MjBnimpwqI4RkSr9wCQKBgDpX
        TbTm+x7d0jt6BRZBNOMclPl6/JeB1hTevL738ghXpKfGNbQE5RvNDi5RR5GvEond
        42NHwXveOQi5J+NbIYwgFSc3DVZ8gZzMk/6w9odxa5akeAItMhezbnfhfNwwH372
        aWP4ZjklM0GM2ZfuOipsAeYXbcfGJ3BvImdCXBMBAoGAF/xoiCxWvklQXtkhXD6d
        JHNM5V80TvVIIKxqc0qikc1nfEzB4+cdnWLAEELHjIWxOGbBu1oNk19sB7e62I5S
        86dfzPahVm1ardX+6VBg7UHNXTJnVKGwxld1MULqJ7t+pr1stXtvgiaQfQo+A85L
        312t+vptoizDGgVk5DgIE84=
        -----END PRIVATE KEY-----
        """
    static let rsa2Private = """
        -----BEGIN PRIVATE KEY-----
        MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCzd9xLoHEYqdhd
        +Td6BGGu4b0/Vop+dbVouyDFtCxucKja8Z1TEclqJnlWOmsjAxA9VoB33dGhfVnx
        v4IVybZQyMgfFC9QXNNhteIJwH6Uq/TUqIg76xSxGjaG5n1Sr08tS1K9ezhUTz6T
        4/xl0eejP7Y95Jo/vZ7xWz7U/amCal/j7anoGWdpxAs2+/8Duze5Mo19rh6z0MZW
        OOvusNzWF40ewjPVJcSaLDMVr+/t0nu1/E4+cU4nq7z3uzKkvrFn9mmNPrD+onPX
        1KjRtw8Pgbvhw/5j5HjbK/MhCVouj/M+i7I51f0LfTPos6gmPPJwJo8qBV4HG/gS
        KDC55gMDAgMBAAECggEAQeDYu+YcPdpy8yP9akvbc6+noW1qDzu0KMqwIAKgYLX4
        Nc6FWq3nypBu7+kn1MVWG736EIYbYnU6JBSRcuAFjaf2Vfo51/0LFw4F+GBx1q88
        gyeOQrhrcwtVQrWvAUAbB1xj9ewaZFBmfzEsQFAKAJHtmtCkkotPofdFnDe1ForK
        YYb8xr4QM3yYzc5lRzbZuuhhLHBO+nzh1aVRKkrowaQDlkjG2jJKW5vljma/H3hb
        VBNuD70MuWrMpWbzcNaZGvvCk7n4+xMB2VX+4szS5ejjUe1VvQYdV11NjXbj7k47
        P7j1kLDlnyS9sn2HjCx3RdvXLvnxCxtiFBNmJki2oQKBgQDZOK7AmYnUdnIL4Ziu
        A6rheMBrZREwmLOlJCaM/9o8IqFJFSskLV+08sFy9m5/JA6ogHbhtfR2ttWc7u1u
        nu4jl9xBapOQClk9JuVMRqo7gE1d1XZwz4620JdKy786WpWsrZ5E4DaYkS4fX+vF
        FJgVOcnEcti+p61Qj6tOH2lPUQKBgQDTgc3iyV09p2KuFQxHkMOc8fFvcJHTod4D
        G1RZd6olbN6R/j4TjOcTU4nwSuHSc9oUDZjlcFoPgVtgQMgjWb4wALlgw4SWth59
        QCYGIyEcs1WZFqZpiIDaCxA3NPz7DJ67g/mDQPjk2C70nkje9DBAP5OjHDaHi9LX
        UQ2w27sgEwKBgCnAqG5i1Mhe3/sCqOtBzzW5lRrPeWdi4pzqfvJ5N0R5z5CRnhI9
        GnlYc/CaB5EuqBahYrht1gh/ij24+zBZIiL7TJ3SU3zLUG3drRNlPdFkDvrrTfHP
        I3pmS75XvXEE+mIPmS1Z/4SB22CyekoOdFEYI308Kgczia/DfcTtaruRAoGALNLo
        kDR+ly9fIWeCh7QtUJiRwz1HGmPGikADe0Z5/553+Na5zyjgW98rb4pfG1vEDtXm
        3lEWNQ0EEX0JLTy6qq+smc41zj7gbUjoBgrx3IRBEsWTFPCB5jPMBvcq2gWNqk3I
        1kExvkX2hY76AI4dn7AZmMrE36sJTup1jVKz8JMCgYBs1VV4EkngSTmklW+KZ/WD
        N07Noh6XbV9TonBE6AhlzSsrXKmt53LhgnUBDD9MiKRirR55Di3nlP7DqURG8Paq
        O5xvXmpCS/u8GdN3RE1EuXeJNXDDIJc2cQUF6yox3TfsFPrn4/CaF+AA1rt5JU3w
        3j6bC/AiA9rYdj7UZ/y5Ig==
        -----END PRIVATE KEY-----
        """
    static let ec1Private = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgD2RySzv4ihoZ8Xry
        xuF5cyeeo4e/0KAMvehUjFMPbeehRANCAATOKjZvifK1V05M4YJW28FcTMx2RpMg
        3ZfuTsr+9BI1Q57pUO1aq0SL3xbaXPvz8+ae3oemxAUet4Cbn8RN6bd1
        -----END PRIVATE KEY-----
        """
    static let ec2Private = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTdAJtiSAHVPq8m7D
        irUA67EageL4RNhZFrbP44HAnuehRANCAARVeqE4T/M4i3fke7EYOIcRTChKwuLj
        8RUV+X6zFCX9wDzCVJd8dk1DLrtVHa8BDV1VUR6UVkrG1UVRXwtWVbr5
        -----END PRIVATE KEY-----
        """
    static let ed1Private = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIJA1OdARVxsrOrqtob8P2hRkqDxkZypqGnWcTtsuRXNv
        -----END PRIVATE KEY-----
        """
    static let ed2Private = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIDGExR0nzzbTKtYhN5k/Ag07+Qi69sEkil7Mm5SSjme7
        -----END PRIVATE KEY-----
        """
    static let rsa1Public = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqEad7OoqN8tWkKPFVMtA
        TwMTJ8cGkhLDsY5A12YXhSFe/DMflWnMeI5HrUOp88zcYnOz5XsnsDuCY0s1ucqa
        s2p0ub5OcKgwEoNvjBFtw1MOMTh4WPT2GThCwmctw+mFAxunnj4rT3s7nf3V1RIN
        1dkXgeZ8aRr2V4cs9zWG0swZg+kSAUMtYTvYP42QBEbKXTLPtz3DBA1/KUORxyw4
        LGl8jYY/r4qssYt/Ht6ZM6X2z8Ai0lmVfocb2RWc/Rk0DIyFCVaT/fYwtxd4sayp
        hWuwgrnDbq71u5XaBoe7Mf+G474NHmEKt/j7abyqUqxl+/PUvZ55UaslqPkcJWkY
        VQIDAQAB
        -----END PUBLIC KEY-----
        """
    static let ec1Public = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzio2b4nytVdOTOGCVtvBXEzMdkaT
        IN2X7k7K/vQSNUOe6VDtWqtEi98W2lz78/Pmnt6HpsQFHreAm5/ETem3dQ==
        -----END PUBLIC KEY-----
        """
    static let ed1Public = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAL6Wl7hzaQArzLHhlFPwA5VBC7pbZ3UOEtC2CK/4aJ7s=
        -----END PUBLIC KEY-----
        """
    static let smallPublic = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDA4dxL8BDSqCvjBWjnt/fTK9N4
        dTWtrN79mM1+kr9LGPfz7eRzARxNzMWHI+6K/FXGSMzHXN9vo+V5+N+Or9I835N1
        SwLIGmKA7XB4P0xzsNptAKuAh0VvkOkAhwZZpTVShysdDL5I8/gXg0KcPI4SCBzJ
        BJ0Kmjgf0e7zF05tlwIDAQAB
        -----END PUBLIC KEY-----
        """
    static let p384Public = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEbGc2XmmfONHwslz874Cx4s5dA/wgaour
        fntHOekY+KWzTBYRhur38TEzXhr3XanywAmhywKtDazswS7wTncUXXyPmJevMZFo
        4Cyng9J0iJ8kwSgxMT3Mi5LYYOCN2ADq
        -----END PUBLIC KEY-----
        """

    /// The members of the same public keys in a JWKS, without the braces.
    static let rsa1Members = """
        "kty":"RSA","n":"qEad7OoqN8tWkKPFVMtATwMTJ8cGkhLDsY5A12YXhSFe_DMflWnMeI5HrUOp88zcYnOz5XsnsDuCY0s1ucq\
        as2p0ub5OcKgwEoNvjBFtw1MOMTh4WPT2GThCwmctw-mFAxunnj4rT3s7nf3V1RIN1dkXgeZ8aRr2V4cs9zWG0swZg-kSAUMtYTv\
        YP42QBEbKXTLPtz3DBA1_KUORxyw4LGl8jYY_r4qssYt_Ht6ZM6X2z8Ai0lmVfocb2RWc_Rk0DIyFCVaT_fYwtxd4sayphWuwgrn\
        Dbq71u5XaBoe7Mf-G474NHmEKt_j7abyqUqxl-_PUvZ55UaslqPkcJWkYVQ","e":"AQAB"
        """
    static let ec1Members = """
        "kty":"EC","crv":"P-256","x":"zio2b4nytVdOTOGCVtvBXEzMdkaTIN2X7k7K_vQSNUM","y":"nulQ7VqrRIvfFtpc-\
        _Pz5p7eh6bEBR63gJufxE3pt3U"
        """
    static let ed1Members = """
        "kty":"OKP","crv":"Ed25519","x":"L6Wl7hzaQArzLHhlFPwA5VBC7pbZ3UOEtC2CK_4aJ7s"
        """
}

/// The other half of a public key: signs as a token's maker does.
struct TestSigner {
    let algorithm: String
    private let pem: String

    static let rsa = TestSigner(algorithm: "RS256", pem: TestKeys.rsa1Private)
    static let otherRSA = TestSigner(algorithm: "RS256", pem: TestKeys.rsa2Private)
    static let ec = TestSigner(algorithm: "ES256", pem: TestKeys.ec1Private)
    static let otherEC = TestSigner(algorithm: "ES256", pem: TestKeys.ec2Private)
    static let ed = TestSigner(algorithm: "EdDSA", pem: TestKeys.ed1Private)
    static let otherEd = TestSigner(algorithm: "EdDSA", pem: TestKeys.ed2Private)
    static let hmac = TestSigner(algorithm: "HS256", pem: "")
    static let otherHMAC = TestSigner(algorithm: "HS256", pem: "another secret, as long as the first is")
    static let secret = "a secret of thirty-two bytes, or more"

    func sign(_ message: [UInt8]) -> [UInt8] {
        if algorithm == "HS256" { return TokenSecret(pem.isEmpty ? Self.secret : pem)?.signature(of: message) ?? [] }
        let key = Array(pem.utf8).withUnsafeBufferPointer { bytes in
            let source = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
            defer { BIO_free(source) }
            return PEM_read_bio_PrivateKey(source, nil, nil, nil)
        }
        let context = EVP_MD_CTX_new()
        defer {
            EVP_MD_CTX_free(context)
            EVP_PKEY_free(key)
        }
        var signature = [UInt8](repeating: 0, count: 1024)
        var count = signature.count
        EVP_DigestSignInit(context, nil, algorithm == "EdDSA" ? nil : EVP_sha256(), nil, key)
        precondition(EVP_DigestSign(context, &signature, &count, message, message.count) == 1, "a key that can't sign")
        return algorithm == "ES256" ? Self.numbers(signature[..<count]) : Array(signature[..<count])
    }

    /// The two numbers of a DER signature, 32 bytes each.
    private static func numbers(_ der: ArraySlice<UInt8>) -> [UInt8] {
        var rest = der.dropFirst(2)
        var numbers: [UInt8] = []
        for _ in 0..<2 {
            let length = Int(rest[rest.startIndex + 1])
            let number = rest.dropFirst(2).prefix(length).drop { $0 == 0 }
            numbers += [UInt8](repeating: 0, count: 32 - number.count) + number
            rest = rest.dropFirst(2 + length)
        }
        return numbers
    }

    /// A whole token.
    func token(header: String, claims: String) -> String {
        let signed = Self.text(header) + "." + Self.text(claims)
        return signed + "." + String(decoding: Base64URL.encode(sign(Array(signed.utf8))), as: UTF8.self)
    }

    func token(_ claims: String) -> String { token(header: "{\"alg\":\"\(algorithm)\"}", claims: claims) }

    static func text(_ json: String) -> String { String(decoding: Base64URL.encode(Array(json.utf8)), as: UTF8.self) }
}
