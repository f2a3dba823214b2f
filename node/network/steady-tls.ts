import type { ConnectionEncrypter, Stream } from '@libp2p/interface'
import { tls } from '@libp2p/tls'
import { withOverrides } from './member-registrar.ts'

type Components = Parameters<ReturnType<typeof tls>>[0]
type Line = Parameters<ConnectionEncrypter['secureInbound']>[0]

/**
 * TLS that outlives a line which is ended by what came on it: @libp2p/tls pauses such a line in a listener, which throws where nobody
 * catches it, and ends the process.
 */
export function steadyTls(): (components: Components) => ConnectionEncrypter {
  return components => {
    const secure = tls()(components)
    return withOverrides<ConnectionEncrypter>(secure, {
      secureInbound: (line, options) => secure.secureInbound(steady(line), options),
      secureOutbound: (line, options) => secure.secureOutbound(steady(line), options),
    })
  }
}

function steady(line: Line): Line {
  const { pause } = line
  line.pause = () => {
    // the interface leaves it out
    if ((line as Line & Pick<Stream, 'readStatus'>).readStatus === 'readable') pause.call(line)
  }
  return line
}
