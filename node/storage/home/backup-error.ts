import { CodedError, type NoDetails } from '../../../base/coded-error.ts'
import type { CheckReport } from '../store/check/report.ts'

/** Why a backup could not be made, or a node not be restored from one. The list is closed. */
export interface BackupErrorDetails {
  /** There is something where the backup, or the node, is to be. */
  BACKUP_TARGET_EXISTS: { path: string }
  /** No backup, or one that was cut short. */
  BACKUP_MALFORMED: { path: string }
  /** Made by a later version of Floe. */
  BACKUP_NEWER: { path: string; version: number; supportedVersion: number }
  /** What it holds is not what was stored. */
  BACKUP_DAMAGED: { path: string; found: CheckReport['found'] }
  /** The node is making another one. */
  BACKUP_BUSY: NoDetails
  /** The running node could not do it, for a reason of its own. */
  BACKUP_FAILED: { reason: string }
}

export class BackupError<Code extends keyof BackupErrorDetails = keyof BackupErrorDetails> extends CodedError<
  BackupErrorDetails,
  Code
> {
  override readonly name = 'BackupError'
}
