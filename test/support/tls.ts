import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'

/** Of localhost and 127.0.0.1, signed by itself, for a hundred years; everybody has its key. */
export const TEST_TLS = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUQOLwkvy5LCJ36scJxBzkXMJRuJswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEzMDEzMzIzNVoYDzIxMjYxMTA2
MTMzMjM1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASdpLpfwdBXtGs0su9BWew2LNv2lu5NGrWfh0wd0JmT6X/pfPsmVwvx
Mr/vDbr0vVtCdrHOvd19sCk1ZG1sVuHOo28wbTAdBgNVHQ4EFgQU8xlOmuUQEaDz
KmC1obFXAO5hxUEwHwYDVR0jBBgwFoAU8xlOmuUQEaDzKmC1obFXAO5hxUEwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgMIKXG0AzqZuKdI5mbO+XDTTdwhHXxprJB7NalCoswcQCIQCd
7TO80eSZL7qOcZoJI55REB2mqRg9/CtiriBd04JJYQ==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjFUoA9dUGYPpoNJv
RM7mihYzz3XtNbWEAs+dys0llv6hRANCAASdpLpfwdBXtGs0su9BWew2LNv2lu5N
GrWfh0wd0JmT6X/pfPsmVwvxMr/vDbr0vVtCdrHOvd19sCk1ZG1sVuHO
-----END PRIVATE KEY-----
`,
}

/** By which Chromium is told to take a certificate: SHA-256 of its public key, base64. */
export const spkiHash = (cert: string): string =>
  createHash('sha256')
    .update(new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')

export interface FrontOptions {
  /** by HTTPS, with TEST_TLS */
  isSecure: boolean
  /** puts another Content-Security-Policy in place of each */
  policy?: (given: string) => string
}

/** Stands in front of an HTTP server, as a proxy does. */
export async function standBefore(
  target: string,
  { isSecure, policy = given => given }: FrontOptions,
): Promise<{ url: string } & AsyncDisposable> {
  const receive = (incoming: IncomingMessage, answer: ServerResponse): void => {
    const { method, headers, url } = incoming
    const asked = request(new URL(url ?? '/', target), { method, headers }, from => {
      // its reader has gone meanwhile
      if (answer.destroyed) return void from.destroy()
      const given = from.headers['content-security-policy']
      const changed = typeof given === 'string' ? { 'content-security-policy': policy(given) } : {}
      answer.writeHead(from.statusCode ?? 502, { ...from.headers, ...changed })
      pipeline(from, answer, () => undefined)
    })
    asked.on('error', () => answer.destroy())
    pipeline(incoming, asked, () => undefined)
  }
  const server = isSecure ? createTlsServer(TEST_TLS, receive) : createServer(receive)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `${isSecure ? 'https' : 'http'}://localhost:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
