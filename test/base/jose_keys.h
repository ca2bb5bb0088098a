/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_BASE_JOSE_KEYS_H
#define TEST_BASE_JOSE_KEYS_H

/* Keys for tests: those of the RFCs, and some that were made for this. */

/* RFC 7515 appendix A.1, A.2 and A.3. */
#define JOSE_A1_KEY                                                                                                    \
    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"                                           \
    "1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"
#define JOSE_A2_KEY                                                                                                    \
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"    \
    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"                  \
    "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_"               \
    "I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}"
#define JOSE_A3_X      "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define JOSE_A3_Y      "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define JOSE_A3_D      "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define JOSE_A3_PUBLIC "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\"}"
#define JOSE_A3_PRIVATE                                                                                                \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" JOSE_A3_X "\",\"y\":\"" JOSE_A3_Y "\",\"d\":\"" JOSE_A3_D "\"}"
/* The payload of all three. */
#define JOSE_A_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define JOSE_A1_TOKEN                                                                                                  \
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOSE_A_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define JOSE_A2_TOKEN                                                                                                  \
    "eyJhbGciOiJSUzI1NiJ9." JOSE_A_PAYLOAD                                                                             \
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"                           \
    "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"                                                        \
    "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"                        \
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define JOSE_A3_TOKEN                                                                                                  \
    "eyJhbGciOiJFUzI1NiJ9." JOSE_A_PAYLOAD                                                                             \
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

/* RFC 8037 appendix A. */
#define JOSE_ED_X       "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define JOSE_ED_D       "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define JOSE_ED_PUBLIC  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" JOSE_ED_X "\"}"
#define JOSE_ED_PRIVATE "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" JOSE_ED_X "\",\"d\":\"" JOSE_ED_D "\"}"
#define JOSE_ED_TOKEN                                                                                                  \
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"                            \
    "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
#define JOSE_ED_THUMBPRINT "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

/* RFC 7638 section 3.1. */
#define JOSE_7638_KEY                                                                                                  \
    "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_" \
    "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"                         \
    "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"                                \
    "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":" \
    "\"RS256\",\"kid\":\"2011-04-29\"}"
#define JOSE_7638_THUMBPRINT "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

/* In PEM. */
#define JOSE_PEM_RSA                                                                                                   \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDku2objngafX+I\n"                                               \
    "6dmyse9p0YR2UDtZdFWNE3IdXom3dlWpkdmNy/i+v78OtChnAhQhNITn/ofmCxfK\n"                                               \
    "f+quOMp4d8IsdvjT8yDWXGFZAlvnn0eMTExCBA6skgq1Xm1ZqFe7cdqiicDj2eFN\n"                                               \
    "rlqt9h+s6WsoOOQpKv98bRrLiCJrQhFmbH9BwOhxMgmsbF1h4bgcjv0PWvvzQ//l\n"                                               \
    "xm++kDNNBf9Y2R1wt+Y29UYC/+GhbYQYFaCqV7BFm1Bb36JmT0W2ShwVwd5dlAw5\n"                                               \
    "07QDSIitFfuPFVfbFBixkBF6YS5nnt9O/As85LGOnuSuQxSbQTbfqca2ffy4XaMo\n"                                               \
    "Jx7LM1drAgMBAAECggEAaqI42Hn14hupzlF/LUCo5cNIpsPGt3B1xdxP8gM13vLr\n"                                               \
    "Aq+9Jc72uy63SoqQ31znt4c9gs512rhHMh+qb+iH89uZCZO5c05Ae877jzx7TiNC\n"                                               \
    "ftS/JHOxx6AaH+3Sut6xb/CnRelEpLTZxZZILhu1Lq5vR4QmUk76Zq6StFpV+Xwk\n"                                               \
    "7siVmsa9s0gjnCyx2JG9IxcRdnsnxFAq0IgnSpJ8mYshm3A5TZniPMjdNYF5ZZiu\n"                                               \
    "bI3y3YKxpnDoozYWbZwlE0lej/Kk3zmMdvERR1puyuDMivxRj2svqmDklbnTxUgv\n"                                               \
    "0cGq7HPKfUqwmijD7sxDVkvTENEKj3aERgLMy4+UMQKBgQD0vLnRw807iACAcWlb\n"                                               \
    "F+ZPo7cgVUBSgwICGcNFnzk0kOORs44aXoJFCceDQTSVQye9v1k0eMZoCs3H1vIo\n"                                               \
    "ndiz6diuTlVJopbBsnrQ2xjsy6FIFkjsM+cW+8xwWDRWnwwV0dXKpxH+CZmlwPDq\n"                                               \
    "x9x0WNTuIFqL10ZvBtPpa2NIYwKBgQDvQiFxertBpO6dZVbdWCMxiHwgJbE0A07G\n"                                               \
    "yKCnztZekF2Oi3ZbreVcexWyWRpHSkE3bRGF/ynxrLnRLg7Eng2Gr0F2A0XUhRwT\n"                                               \
    "5xRyX6o7jfBHFZ5snETEu26XqyZR6cVYKjpY93+B/+3HBsgC99k1XOs9YQpiieyq\n"                                               \
    "j67EI5cvWQKBgAIrbiZK6xXdBcwdtUZmdtc751K1DsXsfWcRXWbPm404v5u6EMdx\n"                                               \
    "EQyVopwqRtIP71lCSgMqEvA3ME3WPP1ZMOOfbhlVfnIRq+55q5cQai8nOv3NnMXj\n"                                               \
    "S+grQUu5rHUcIdpLqu6J/qHW6fLLPBeIwA6T/wdBaCwXM3umfthx6EZrAoGBAN9q\n"                                               \
    "82vSXbYo26EiloDO4t5IQxCJ4fVd+Vvq0QqiPM/FI3gOhxGJSxqW3WXTipRzpH6r\n"                                               \
    "XKex5GsHDeVliujTZnIUiZ435CdVvShgqlk7N+2w12SprWxiaF0FYXpDmd732w4/\n"                                               \
    "MIkPZIPyhwlJLdCHvM71271PNrFZdiS3U01Ypr7RAoGALZZa9AYCSOHBTdcMdFhi\n"                                               \
    "dAIg6sS09Xk3WvXwBAwHtgASO2aWSpRyY8drhvKr8Y+vGLJzHT2CHAjiGyrIR7cy\n"                                               \
    "x3NM1pnQH08SL8DnbxJxv3M6Jk+bJlt1B7pzqksE6OrG+H241bqIiCF/u3cFa7/L\n"                                               \
    "uxePh/nVs3mWKzziIbYFE3M=\n"                                                                                       \
    "-----END PRIVATE KEY-----\n"
#define JOSE_PEM_RSA_PUBLIC                                                                                            \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA5LtqG454Gn1/iOnZsrHv\n"                                               \
    "adGEdlA7WXRVjRNyHV6Jt3ZVqZHZjcv4vr+/DrQoZwIUITSE5/6H5gsXyn/qrjjK\n"                                               \
    "eHfCLHb40/Mg1lxhWQJb559HjExMQgQOrJIKtV5tWahXu3HaoonA49nhTa5arfYf\n"                                               \
    "rOlrKDjkKSr/fG0ay4gia0IRZmx/QcDocTIJrGxdYeG4HI79D1r780P/5cZvvpAz\n"                                               \
    "TQX/WNkdcLfmNvVGAv/hoW2EGBWgqlewRZtQW9+iZk9FtkocFcHeXZQMOdO0A0iI\n"                                               \
    "rRX7jxVX2xQYsZARemEuZ57fTvwLPOSxjp7krkMUm0E236nGtn38uF2jKCceyzNX\n"                                               \
    "awIDAQAB\n"                                                                                                       \
    "-----END PUBLIC KEY-----\n"
#define JOSE_PEM_RSA_1024                                                                                              \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCoeszj7KCzSrgza61ZBEO1ETD9\n"                                               \
    "cRvkl1hX9UqPe4f6zifC5vMQrIg/Yy/hdqTp1gcedvqIZDMH/j+iNJ7/Aj3QvZWY\n"                                               \
    "fwH18SwKQM+CGxDyHM57m0o01z8X1h+nxhUe4aPunG6ySLcYpAov0tlgiph3svnq\n"                                               \
    "Y9VML7rus6am3DRdtQIDAQAB\n"                                                                                       \
    "-----END PUBLIC KEY-----\n"
#define JOSE_PEM_EC                                                                                                    \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzRDlByXP+/aB7Cwx\n"                                               \
    "Ou1p7UGU+CamJ4ATR/3OpaEo9gGhRANCAAQjQofiDnX/gvMhqjOmFkqoZc/QGtRl\n"                                               \
    "ge8fESpqTe1ibPGW53wnTbrwXEhXEutuZN7JGtd8uNGObe443xCMSIO1\n"                                                       \
    "-----END PRIVATE KEY-----\n"
#define JOSE_PEM_EC_PUBLIC                                                                                             \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEI0KH4g51/4LzIaozphZKqGXP0BrU\n"                                               \
    "ZYHvHxEqak3tYmzxlud8J0268FxIVxLrbmTeyRrXfLjRjm3uON8QjEiDtQ==\n"                                                   \
    "-----END PUBLIC KEY-----\n"
#define JOSE_PEM_EC_EXPLICIT                                                                                           \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA\n"                                               \
    "AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n"                                               \
    "///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\n"                                               \
    "NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5\n"                                               \
    "RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n"                                               \
    "//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABGjJmB5bcG0geZG5DO+DJiVV\n"                                               \
    "EDGt8ZAggN51gLdQneCmF3h8tZD1TpDT+u5Y7EpehXABcNkUicV+6gRAAh6RzDg=\n"                                               \
    "-----END PUBLIC KEY-----\n"
#define JOSE_PEM_EC_K1                                                                                                 \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE/T4Y8hxSn6woAAinR5B+MCZxRc2FATSI\n"                                               \
    "OVLBeV5pnVVpwlLmosrnn87t9deRpZ3TFPEgssiq/Bozsauj6asa4A==\n"                                                       \
    "-----END PUBLIC KEY-----\n"
#define JOSE_PEM_EC_ENCRYPTED                                                                                          \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                                          \
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgth38lVQRZDAICCAAw\n"                                               \
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHNHfdNFqs5dEA9iJXFRsmQEgZBJ\n"                                               \
    "4G39ZANpSYQ4bcGd2xU/KT//pmZJAVbujpiyMdZuO1VMJ4wBN3TYs8bUV1/1zP/z\n"                                               \
    "uyUTbajsQG8rcgJwRAZpx12iFV8PIQ/nHX2rAQUpgeQ6nhJh8zvx4dUgX32fdCet\n"                                               \
    "S/O2vlAQF6/AsS0oRnuku+OKFISVK+NXqrOo15yx37vFgXz7vIZArRsYgC+XIN8=\n"                                               \
    "-----END ENCRYPTED PRIVATE KEY-----\n"
#define JOSE_PEM_P384                                                                                                  \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDA9XEqbvyyLnydWPOqI\n"                                               \
    "3VaXHGPXJ4oLdxmr9mB4Xh7dEigun5RU4Z89Heylu72cUPahZANiAAR/c8TBST1L\n"                                               \
    "deZAmHCKjxqFVS8rPuZbZEPx0dHp4S5S4b71EYsdyok3AgRdn2WVT1AtOOW0DSp5\n"                                               \
    "10FOHBWltfwXi6cK0CGEku5TefCDzdyjcK3/tuMYVxkvfaT2zIw+TEw=\n"                                                       \
    "-----END PRIVATE KEY-----\n"
#define JOSE_PEM_P521                                                                                                  \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBGfttZxJqtlwnU8+F\n"                                               \
    "hJImemB0V2rkfQrOOAO5iYkoSeBOg/HOU8Oz9MLSW3mht0M+JuOf6HfxPPgtWK00\n"                                               \
    "3Yjz5i2hgYkDgYYABAHnCIo8EH2Ym8yHyEQ7Aa8vFlv3bZ0I3DDkNEFbYEhyt/Wg\n"                                               \
    "QIg2uk8mc2mkIkcXdBZDss+ZSSU5kBNWoy4NrpkLBAD3zDJydOvMRqyx9aOOoMb+\n"                                               \
    "OC7cbuUHPH8QfBbXenTcaUmbJJDm6mzUfJY+c0r06veVKmHmRSdEf3qCztRjb1rN\n"                                               \
    "Pw==\n"                                                                                                           \
    "-----END PRIVATE KEY-----\n"
#define JOSE_PEM_ED                                                                                                    \
    "-----BEGIN PRIVATE KEY-----\n"                                                                                    \
    "MC4CAQAwBQYDK2VwBCIEIH2Oxbse3jS8+uBcgN01QIxQ0x+ByCmrOXCny1v45Wnq\n"                                               \
    "-----END PRIVATE KEY-----\n"
#define JOSE_PEM_ED_PUBLIC                                                                                             \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MCowBQYDK2VwAyEAKJ4l1rbvde6NAAySMUVlcyBmb6QC1fB6r7Sa+097vnk=\n"                                                   \
    "-----END PUBLIC KEY-----\n"
#define JOSE_PEM_X25519                                                                                                \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MCowBQYDK2VuAyEALLjzrFPfYrco+KaY5RixMpiQuLULoh0r4Es6svzU5hc=\n"                                                   \
    "-----END PUBLIC KEY-----\n"
#define JOSE_PEM_RSA_PSS                                                                                               \
    "-----BEGIN PUBLIC KEY-----\n"                                                                                     \
    "MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAKuvMlSyPafbHLEEjnsn6DU5\n"                                               \
    "nz2/K5VPZKubuA207O4BKK/+fXx50wLUKJO+Kh9AIwbD/O4RWCOb6uJpoCIVNq1I\n"                                               \
    "O9xZwfVZlIjx/UPOJ9ey8UOp4ry0Gp4RH56SW/F/EuJ+qc2WmN/5wNgqdAlP0E5i\n"                                               \
    "CUnDsPufU5j+zA4S9bimrKcKq58OyZNma4x3DP1BYD7KBci/ZvtJnSiFkYWUnGVU\n"                                               \
    "w5xB1hzhC11Kad0AfOyRJ66/s5FSXeUR/P8oAuMbdVFjsGy6w5d5syyFPZpdzXna\n"                                               \
    "8sp7moLd0KxPFYuRBox3aP6XVK7w1Z7XVLoJJOEwvuwmoKa3XkAgJRzpVR4ysv0C\n"                                               \
    "AwEAAQ==\n"                                                                                                       \
    "-----END PUBLIC KEY-----\n"
#define JOSE_PEM_RSA_TRADITIONAL                                                                                       \
    "-----BEGIN RSA PRIVATE KEY-----\n"                                                                                \
    "MIIEowIBAAKCAQEA5LtqG454Gn1/iOnZsrHvadGEdlA7WXRVjRNyHV6Jt3ZVqZHZ\n"                                               \
    "jcv4vr+/DrQoZwIUITSE5/6H5gsXyn/qrjjKeHfCLHb40/Mg1lxhWQJb559HjExM\n"                                               \
    "QgQOrJIKtV5tWahXu3HaoonA49nhTa5arfYfrOlrKDjkKSr/fG0ay4gia0IRZmx/\n"                                               \
    "QcDocTIJrGxdYeG4HI79D1r780P/5cZvvpAzTQX/WNkdcLfmNvVGAv/hoW2EGBWg\n"                                               \
    "qlewRZtQW9+iZk9FtkocFcHeXZQMOdO0A0iIrRX7jxVX2xQYsZARemEuZ57fTvwL\n"                                               \
    "POSxjp7krkMUm0E236nGtn38uF2jKCceyzNXawIDAQABAoIBAGqiONh59eIbqc5R\n"                                               \
    "fy1AqOXDSKbDxrdwdcXcT/IDNd7y6wKvvSXO9rsut0qKkN9c57eHPYLOddq4RzIf\n"                                               \
    "qm/oh/PbmQmTuXNOQHvO+488e04jQn7UvyRzscegGh/t0rresW/wp0XpRKS02cWW\n"                                               \
    "SC4btS6ub0eEJlJO+maukrRaVfl8JO7IlZrGvbNII5wssdiRvSMXEXZ7J8RQKtCI\n"                                               \
    "J0qSfJmLIZtwOU2Z4jzI3TWBeWWYrmyN8t2CsaZw6KM2Fm2cJRNJXo/ypN85jHbx\n"                                               \
    "EUdabsrgzIr8UY9rL6pg5JW508VIL9HBquxzyn1KsJoow+7MQ1ZL0xDRCo92hEYC\n"                                               \
    "zMuPlDECgYEA9Ly50cPNO4gAgHFpWxfmT6O3IFVAUoMCAhnDRZ85NJDjkbOOGl6C\n"                                               \
    "RQnHg0E0lUMnvb9ZNHjGaArNx9byKJ3Ys+nYrk5VSaKWwbJ60NsY7MuhSBZI7DPn\n"                                               \
    "FvvMcFg0Vp8MFdHVyqcR/gmZpcDw6sfcdFjU7iBai9dGbwbT6WtjSGMCgYEA70Ih\n"                                               \
    "cXq7QaTunWVW3VgjMYh8ICWxNANOxsigp87WXpBdjot2W63lXHsVslkaR0pBN20R\n"                                               \
    "hf8p8ay50S4OxJ4Nhq9BdgNF1IUcE+cUcl+qO43wRxWebJxExLtul6smUenFWCo6\n"                                               \
    "WPd/gf/txwbIAvfZNVzrPWEKYonsqo+uxCOXL1kCgYACK24mSusV3QXMHbVGZnbX\n"                                               \
    "O+dStQ7F7H1nEV1mz5uNOL+buhDHcREMlaKcKkbSD+9ZQkoDKhLwNzBN1jz9WTDj\n"                                               \
    "n24ZVX5yEavueauXEGovJzr9zZzF40voK0FLuax1HCHaS6ruif6h1unyyzwXiMAO\n"                                               \
    "k/8HQWgsFzN7pn7YcehGawKBgQDfavNr0l22KNuhIpaAzuLeSEMQieH1Xflb6tEK\n"                                               \
    "ojzPxSN4DocRiUsalt1l04qUc6R+q1ynseRrBw3lZYro02ZyFImeN+QnVb0oYKpZ\n"                                               \
    "OzftsNdkqa1sYmhdBWF6Q5ne99sOPzCJD2SD8ocJSS3Qh7zO9du9TzaxWXYkt1NN\n"                                               \
    "WKa+0QKBgC2WWvQGAkjhwU3XDHRYYnQCIOrEtPV5N1r18AQMB7YAEjtmlkqUcmPH\n"                                               \
    "a4byq/GPrxiycx09ghwI4hsqyEe3MsdzTNaZ0B9PEi/A528Scb9zOiZPmyZbdQe6\n"                                               \
    "c6pLBOjqxvh9uNW6iIghf7t3BWu/y7sXj4f51bN5lis84iG2BRNz\n"                                                           \
    "-----END RSA PRIVATE KEY-----\n"

#endif
