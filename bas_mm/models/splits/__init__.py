from .backbone_split import BackboneSplit
from .own_forward import difference_from_forward
from .stage_tables import stage_table, stage_table_of

__all__ = ['BackboneSplit', 'difference_from_forward', 'stage_table', 'stage_table_of']
