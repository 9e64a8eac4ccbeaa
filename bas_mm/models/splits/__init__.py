from .backbone_split import BackboneSplit
from .stage_tables import stage_table, stage_table_of

__all__ = ['BackboneSplit', 'stage_table', 'stage_table_of']
