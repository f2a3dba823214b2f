import type { ComponentLogger, Logger } from '@libp2p/interface'

/**
 * libp2p's own log is for developers who look into libp2p, by DEBUG in the environment. Without that nobody hears it, but making
 * a logger for every stream and connection would still be a twentieth of what a handshake costs.
 */
export function quietLogger(env: { readonly DEBUG?: string | undefined }): { logger?: ComponentLogger } {
  return env.DEBUG === undefined ? { logger: { forComponent: () => SILENT } } : {}
}

const ignore = (): void => undefined
const SILENT: Logger = Object.assign(() => undefined, {
  error: ignore,
  trace: ignore,
  enabled: false,
  newScope: () => SILENT,
})
