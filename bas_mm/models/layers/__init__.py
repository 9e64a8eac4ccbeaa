from .wait_free_sync_batch_norm import WaitFreeSyncBatchNorm, synchronise_batch_norms

__all__ = ['WaitFreeSyncBatchNorm', 'synchronise_batch_norms']
